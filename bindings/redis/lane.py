"""Commands to one server in one write, and their answers as they are: several times as quick as the client's pipeline.

The client keeps the connections, logs in and connects again; written and read is here, without an object, a callback
and a timer for each command.
"""

from __future__ import annotations

import asyncio
import builtins
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError, TimeoutError

Command: TypeAlias = Sequence[bytes | str | int]


async def exchange(client: Redis, commands: Sequence[Command], timeout: float | None) -> list[Any]:
    """The answer to each, or the error that it failed with; `timeout`: seconds for all.

    Tried again as the client is set to, when the connection breaks.
    """
    written = b"".join([pack_command(tuple(command)) for command in commands])  # type: ignore[arg-type]  # of any length
    pool = client.connection_pool
    connection = await pool.get_connection()  # type: ignore[no-untyped-call]

    async def once() -> list[Any]:
        return await _exchange(connection, written, len(commands), timeout)

    async def broken(error: Exception) -> None:
        await connection.disconnect()

    try:
        answers: list[Any] = await connection.retry.call_with_retry(once, broken)
    finally:
        await pool.release(connection)
    return answers


async def _exchange(connection: AbstractConnection, written: bytes, count: int, timeout: float | None) -> list[Any]:
    try:
        await connection.send_packed_command(written)  # which has a limit of its own
        async with asyncio.timeout(timeout):
            return [await _answer(connection) for _ in range(count)]
    except builtins.TimeoutError as error:
        await connection.disconnect(nowait=True)
        raise TimeoutError(f"no answer within {timeout} s") from error
    except BaseException:
        await connection.disconnect(nowait=True)  # or the rest of the answers would be those of the next commands
        raise


async def _answer(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)  # there is one for all
    except ResponseError as error:
        return error
