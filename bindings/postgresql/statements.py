"""SQL statements of events, many in one round trip, each a transaction of its own.

psycopg's own pipelines have one transaction between two synchronisations, and wait at each of them. libpq needs
neither: a Sync after each statement keeps them apart (https://www.postgresql.org/docs/current/libpq-pipeline-mode.html).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg import errors, generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus, PipelineStatus
from psycopg.pq.abc import PGconn, PGresult

from bindings.postgresql.parameters import as_text
from bindings.postgresql.pool import Connection

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
    commands: list[Callable[[], None]] = []
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
    results = iter(await _pipelined(connection, commands))
    return [_answer(connection, next(results)) if answer is _SENT else answer for answer in answers]


_SENT = errors.Error()


async def _describe(connection: Connection, statements: Sequence[Statement]) -> list[Sequence[int] | errors.Error]:
    """The types of their parameters, by the numbers that PostgreSQL has for types."""
    pgconn = connection.pgconn
    commands: list[Callable[[], None]] = []
    for statement in statements:
        commands += [partial(pgconn.send_prepare, b"", statement.sql), partial(pgconn.send_describe_prepared, b"")]
    results = await _pipelined(connection, commands)
    found: list[Sequence[int] | errors.Error] = []
    for prepared, described in zip(results[::2], results[1::2], strict=True):
        answer = _answer(connection, prepared)
        if isinstance(answer, errors.Error):
            found.append(answer)
        else:
            [result] = described
            found.append([result.param_type(number) for number in range(result.nparams)])
    return found


async def _pipelined(connection: Connection, commands: Sequence[Callable[[], None]]) -> list[list[PGresult]]:
    """The results of each command."""
    if not commands:
        return []
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    try:
        results = await connection.wait(_exchange(pgconn, commands))
    finally:
        if not connection.closed and pgconn.pipeline_status != PipelineStatus.OFF:
            try:
                pgconn.exit_pipeline_mode()
            except errors.OperationalError:  # something is under way that will not be read
                pgconn.finish()
    return results[::2]  # the others are those of the Syncs


def _exchange(pgconn: PGconn, commands: Sequence[Callable[[], None]]) -> PQGen[list[list[PGresult]]]:
    queue: deque[Callable[[], None]] = deque()
    for command in commands:
        queue += [command, pgconn.pipeline_sync]
    wanted = len(queue)
    results: list[list[PGresult]] = yield from generators.pipeline_communicate(pgconn, queue)
    while len(results) < wanted:
        results.append((yield from generators.fetch_many(pgconn)))
    return results


def _answer(connection: Connection, results: Sequence[PGresult]) -> PGresult | errors.Error:
    """That of the last statement of a script, or of the one that failed."""
    last = results[-1]
    if last.status == ExecStatus.FATAL_ERROR:
        return errors.error_from_result(last, connection.info.encoding)
    if last.status in _COPYING:
        connection.pgconn.finish()
        return errors.NotSupportedError("COPY needs a stream of data, which an event has not")
    return last
