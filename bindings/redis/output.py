from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bindings.contract import Operation, Result
from bindings.metadata import parse_duration
from bindings.redis.connection import RedisConnection
from bindings.redis.failure import FAILURES
from bindings.redis.lane import Command
from bindings.redis.metadata import RedisBindingMetadata
from engine.errors import EventError, Permanent


class RedisOutput:
    """Keys and their values; all operations of one call go out together."""

    def __init__(self, metadata: RedisBindingMetadata, name: str) -> None:
        self._connection = RedisConnection(metadata, name)

    async def open(self) -> None:
        await self._connection.open()

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        written = [_commands(operation) for operation in operations]
        commands = [command for one in written if not isinstance(one, Permanent) for command in one]
        try:
            answers = iter(await self._connection.run_all(commands))
        except FAILURES as error:
            failed = self._connection.of_operation(error)
            return [one if isinstance(one, Permanent) else failed for one in written]
        results: list[Result | EventError] = []
        for operation, one in zip(operations, written, strict=True):
            if isinstance(one, Permanent):
                results.append(one)
            else:
                results.append(self._result(operation, [next(answers) for _ in one]))
        return results

    async def close(self) -> None:
        await self._connection.close()

    def _result(self, operation: Operation, answers: Sequence[Any]) -> Result | EventError:
        failed = next((answer for answer in answers if isinstance(answer, Exception)), None)
        if failed is not None:
            return self._connection.of_operation(failed)
        landed = f"key {operation.metadata['key']}"
        match operation.name:
            case "get":
                return Result(answers[0], landed=landed)
            case "increment":
                return Result(b"%d" % answers[0], landed=landed)
        return Result(landed=landed)


def _commands(operation: Operation) -> Sequence[Command] | Permanent:
    key = operation.metadata.get("key")
    if operation.name not in ("create", "get", "delete", "increment"):
        return Permanent(f"bindings.redis has no operation {operation.name!r}; it has create, get, delete, increment")
    if not key:
        return Permanent(f"bindings.redis needs the metadata `key` for {operation.name}")
    try:
        ttl = _ttl(operation.metadata.get("ttlInSeconds"))
    except ValueError as error:
        return Permanent(f"ttlInSeconds: {error}")
    match operation.name:
        case "create":
            expires: list[str | int] = ["PX", ttl] if ttl else []
            return [["SET", key, operation.event.data or b"", *expires]]
        case "get":
            return [["GETDEL" if operation.metadata.get("delete") == "true" else "GET", key]]
        case "delete":
            return [["DEL", key]]
    return [["INCR", key], ["PEXPIRE", key, ttl]] if ttl else [["INCR", key]]


def _ttl(text: str | None) -> int | None:
    """Milliseconds."""
    if not text:
        return None
    milliseconds = int(parse_duration(text) * 1000)
    if milliseconds <= 0:
        raise ValueError("must be more than zero")
    return milliseconds
