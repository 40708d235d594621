"""SQL statements of events, many in one round trip (https://www.postgresql.org/docs/current/libpq-pipeline-mode.html).

All are one transaction, which costs one wait for the disk; where one fails, they are undone, and each becomes its own.
psycopg's pipelines end at the first error, and wait at each synchronisation. libpq need not: a Sync behind each
statement keeps them apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from psycopg import errors, generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus, PipelineStatus
from psycopg.pq.abc import PGconn, PGresult

from bindings.postgresql.parameters import as_text
from bindings.postgresql.pool import Connection

_Command: TypeAlias = Callable[[], None]
_COPYING = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


@dataclass(frozen=True, slots=True)
class Statement:
    """`parameters` are values of JSON for `$1`, `$2` …"""

    sql: bytes
    parameters: Sequence[Any] = ()

    @property
    def is_script(self) -> bool:
        """It may be several statements, which can have no parameters; they are one transaction."""
        return not self.parameters and b";" in self.sql.rstrip(b"; \t\r\n")


async def run(connection: Connection, statements: Sequence[Statement]) -> list[PGresult | errors.Error]:
    """One result or error each, in the same order; raises what the connection fails with."""
    answers: list[PGresult | errors.Error] = []
    together: list[Statement] = []
    for statement in statements:
        if statement.is_script:
            answers += await _run_together(connection, together)
            answers.append(await _run_script(connection, statement))
            together = []
        else:
            together.append(statement)
    return answers + await _run_together(connection, together)


async def _run_script(connection: Connection, statement: Statement) -> PGresult | errors.Error:
    connection.pgconn.send_query(statement.sql)
    results = await connection.wait(generators.execute(connection.pgconn))
    return _answer(connection, results)


async def _run_together(connection: Connection, statements: Sequence[Statement]) -> list[PGresult | errors.Error]:
    """Which lists are arrays, and which are JSON, is known only when the server has described the statement."""
    described = [statement for statement in statements if any(isinstance(one, list) for one in statement.parameters)]
    types = dict(zip(map(id, described), await _describe(connection, described), strict=True))
    answers: list[PGresult | errors.Error] = []
    commands: list[_Command] = []
    for statement in statements:
        oids = types.get(id(statement), ())
        if isinstance(oids, errors.Error):
            answers.append(oids)
            continue
        try:
            texts = as_text(statement.parameters, oids)
        except ValueError as error:
            answers.append(errors.DataError(str(error)))
            continue
        commands.append(partial(connection.pgconn.send_query_params, statement.sql, texts))
        answers.append(_SENT)
    results = iter(await _execute(connection, commands))
    return [_answer(connection, next(results)) if answer is _SENT else answer for answer in answers]


async def _execute(connection: Connection, commands: Sequence[_Command]) -> list[list[PGresult]]:
    """The results of each."""
    pgconn = connection.pgconn
    if len(commands) > 1:
        begin, roll_back, commit = (
            partial(pgconn.send_query_params, text, None) for text in (b"BEGIN", b"ROLLBACK", b"COMMIT")
        )
        [results] = await _pipelined(connection, [[begin, *commands, commit]])
        if results[-1].command_status == b"COMMIT":
            return [[result] for result in results[1:-1]]
        await _pipelined(connection, [[roll_back]])
    return await _pipelined(connection, [[command] for command in commands])


_SENT = errors.Error()


async def _describe(connection: Connection, statements: Sequence[Statement]) -> list[Sequence[int] | errors.Error]:
    """The types of their parameters, by the numbers that PostgreSQL has for types."""
    pgconn = connection.pgconn
    describe = partial(pgconn.send_describe_prepared, b"")
    groups = [[partial(pgconn.send_prepare, b"", statement.sql), describe] for statement in statements]
    answers = [_answer(connection, results) for results in await _pipelined(connection, groups)]
    return [
        answer if isinstance(answer, errors.Error) else [answer.param_type(number) for number in range(answer.nparams)]
        for answer in answers
    ]


async def _pipelined(connection: Connection, groups: Sequence[Sequence[_Command]]) -> list[list[PGresult]]:
    """The results of each group; a command that fails ends its own."""
    if not groups:
        return []
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    try:
        return await connection.wait(_exchange(pgconn, groups))
    finally:
        if not connection.closed and pgconn.pipeline_status != PipelineStatus.OFF:
            try:
                pgconn.exit_pipeline_mode()
            except errors.OperationalError:  # something is under way that will not be read
                pgconn.finish()


def _exchange(pgconn: PGconn, groups: Sequence[Sequence[_Command]]) -> PQGen[list[list[PGresult]]]:
    queue: deque[_Command] = deque()
    for commands in groups:
        queue += [*commands, pgconn.pipeline_sync]
    parts: deque[list[PGresult]] = deque((yield from generators.pipeline_communicate(pgconn, queue)))
    found: list[list[PGresult]] = [[]]
    # An error of the commit at a Sync comes before the result of the Sync.
    while len(found) <= len(groups):
        part = parts.popleft() if parts else (yield from generators.fetch_many(pgconn))
        if not part:
            raise errors.OperationalError("the server has answered less than it was asked")
        if part[-1].status == ExecStatus.PIPELINE_SYNC:
            found.append([])
        else:
            found[-1] += part
    return found[:-1]


def _answer(connection: Connection, results: Sequence[PGresult]) -> PGresult | errors.Error:
    """The first error, or the last result."""
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            return errors.error_from_result(result, connection.info.encoding)
        if result.status in _COPYING:
            connection.pgconn.finish()
            return errors.NotSupportedError("COPY needs a stream of data, which an event has not")
    return results[-1]
