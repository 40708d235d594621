"""One database: a few connections that all share, and errors in the engine's words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from bindings.postgresql.failure import failure, opening_failure
from bindings.postgresql.schema import APPLICATION_NAME, is_there, migrate
from engine.errors import DefinitionError

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

_MOST_CONNECTIONS = 8
_PATIENCE = 60.0  # seconds for a free connection and all that is done with it: a server may hang and not close
_DEFAULTS: dict[
    str, Any
] = {  # of libpq; a network that is cut is noticed within half a minute, and not after two hours
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 10,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}


class Server:
    """`connection` raises `Unavailable` while the server does not answer; the next one after that connects again.

    There is a connection for as long as the server answers: by it other engines know that this one lives.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            hint = "write it like postgresql://user@localhost:5432/jackfield"
            raise DefinitionError("that is not the URL of a PostgreSQL database", hint=hint) from error
        self._conninfo = make_conninfo("", **{**_DEFAULTS, **parts, "application_name": APPLICATION_NAME})
        host, port, name = parts.get("host", "localhost"), parts.get("port", 5432), parts.get("dbname", "")
        self.shown = f"{host}:{port}/{name}"
        self._room = asyncio.Semaphore(_MOST_CONNECTIONS)
        self._idle: list[Connection] = []
        self._closed = False

    async def open(self, *, must_exist: bool) -> None:
        """Connects and brings the schema up to date; raises `DefinitionError` or `NotReady`."""
        try:
            async with await self._connect() as connection:
                if must_exist and not await is_there(connection):
                    hint = "no engine has run with it yet; is --store right?"
                    raise DefinitionError(f"there is no store in {self.shown}", hint=hint)
                await migrate(connection)
        except psycopg.Error as error:
            raise opening_failure(error, self.shown) from error
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        await self._close_idle()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        try:
            async with asyncio.timeout(_PATIENCE), self._room:
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    yield connection
                finally:
                    await self._give_back(connection)
        except (psycopg.Error, TimeoutError) as error:
            translated = failure(error, self.shown)
            if translated is error:
                raise
            raise translated from error

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)

    async def _give_back(self, connection: Connection) -> None:
        if not self._closed and connection.info.transaction_status is TransactionStatus.IDLE:
            self._idle.append(connection)
            return
        if connection.broken:  # so are those that wait: the server went away
            await self._close_idle()
        await connection.close()

    async def _close_idle(self) -> None:
        while self._idle:
            await self._idle.pop().close()
