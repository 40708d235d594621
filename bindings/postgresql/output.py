from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq.abc import PGresult

from bindings.contract import Context, Operation, Result
from bindings.postgresql.address import Address, pool_of
from bindings.postgresql.failure import opening_failure, operation_failure
from bindings.postgresql.metadata import PostgreSqlBindingMetadata
from bindings.postgresql.rows import as_json
from bindings.postgresql.statements import Statement, run
from engine.errors import EventError, Permanent
from engine.event import rfc3339

# Behind spaces and comments.
_REFUSED = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(copy|begin|start|commit|end|rollback|abort|savepoint|release|prepare)\b",
    re.IGNORECASE | re.DOTALL,
)
_MAY = "the user must be allowed to connect"


class PostgreSqlOutput:
    """Runs the statements of one call on one connection, in their order. None fails because of another."""

    def __init__(self, metadata: PostgreSqlBindingMetadata, context: Context) -> None:
        address = Address.of(metadata, context.name)
        self._shown = address.shown
        self._pool = pool_of(metadata, address)
        self._clock = context.clock

    async def open(self) -> None:
        """Connects; raises `DefinitionError` or `NotReady`."""
        self._pool.open()
        try:
            async with self._pool.connection():
                pass
        except (psycopg.Error, TimeoutError) as error:
            raise opening_failure(error, self._shown, _MAY) from error

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        asked = [self._statement(operation) for operation in operations]
        statements = [one for one in asked if isinstance(one, Statement)]
        answers = iter(await self._run(operations, asked, statements) if statements else ())
        return [next(answers) if isinstance(one, Statement) else one for one in asked]

    async def close(self) -> None:
        self._pool.close()

    def _statement(self, operation: Operation) -> Statement | Result | EventError:
        if operation.name == "close":
            self._pool.close_idle()
            return Result(landed=f"PostgreSQL {self._shown}")
        if operation.name not in ("exec", "query"):
            return Permanent(f"bindings.postgresql has no operation {operation.name!r}; it has exec, query and close")
        sql = operation.metadata.get("sql")
        if not sql:
            return Permanent("the operation needs a statement in its metadata `sql`")
        if refused := _REFUSED.match(sql):
            return Permanent(
                f"a statement cannot begin with {refused[1].upper()}: it has no stream of data, and no part "
                "in transactions but its own"
            )
        try:
            return Statement(sql.encode(), _parameters(operation.metadata.get("params", "")))
        except UnicodeEncodeError:
            return Permanent("the metadata `sql` is no text that PostgreSQL can hold")
        except ValueError as error:
            return Permanent(f"the metadata `params` is no JSON array: {error}")

    async def _run(
        self,
        operations: Sequence[Operation],
        asked: Sequence[Statement | Result | EventError],
        statements: Sequence[Statement],
    ) -> Sequence[Result | EventError]:
        started = self._clock.now()
        try:
            async with self._pool.connection() as connection:
                answers = await run(connection, statements)
        except (psycopg.Error, TimeoutError) as error:
            return [operation_failure(error, self._shown)] * len(statements)
        ended = self._clock.now()
        run_ones = [operation for operation, one in zip(operations, asked, strict=True) if isinstance(one, Statement)]
        return [
            self._result(operation, answer, started, ended) for operation, answer in zip(run_ones, answers, strict=True)
        ]

    def _result(
        self, operation: Operation, answer: PGresult | psycopg.Error, started: float, ended: float
    ) -> Result | EventError:
        if isinstance(answer, psycopg.Error):
            return operation_failure(answer, self._shown)
        metadata = {
            "operation": operation.name,
            "sql": operation.metadata["sql"],
            "start-time": rfc3339(started),
            "end-time": rfc3339(ended),
            "duration": _duration(ended - started),
        }
        if operation.name == "query":
            return Result(as_json(answer), metadata, f"PostgreSQL {self._shown}")
        return Result(None, {**metadata, "rows-affected": str(answer.command_tuples or 0)}, f"PostgreSQL {self._shown}")


def _parameters(text: str) -> list[Any]:
    parameters = json.loads(text) if text else []
    if not isinstance(parameters, list):
        raise ValueError("it is something else")
    return parameters


def _duration(seconds: float) -> str:
    """As Go writes it, to the microsecond."""
    for unit, size in (("µs", 1e-6), ("ms", 1e-3)):
        if seconds < size * 1000:
            return f"{round(seconds / size, 3):g}{unit}"
    minutes, rest = divmod(seconds, 60)
    return f"{f'{minutes:.0f}m' if minutes else ''}{round(rest, 6):g}s"
