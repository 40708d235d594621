from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from bindings.contract import Context, Operation, OutputBinding, Result
from bindings.postgresql import output_component
from bindings.postgresql.metadata import PostgreSqlBindingMetadata
from bindings.postgresql.output import PostgreSqlOutput
from engine.clock import SystemClock, VirtualClock
from engine.errors import DefinitionError, EventError, NotReady, Permanent, Retryable, TimedOut, Unavailable
from engine.testing.memory_store import MemoryStore
from tests.bindings import fakes
from tests.bindings.conformance import OutputConformance
from tests.bindings.postgresql.server import PostgreSql
from tests.proxy import Proxy
from tests.servers import free_ports

_numbers = itertools.count(1)


def make(url: str, clock: Any = None, **fields: Any) -> PostgreSqlOutput:
    metadata = PostgreSqlBindingMetadata.model_validate({"connectionString": url, **fields})
    return PostgreSqlOutput(metadata, Context("database", MemoryStore(), clock or SystemClock()))


@asynccontextmanager
async def opened(url: str, clock: Any = None, **fields: Any) -> AsyncIterator[PostgreSqlOutput]:
    output = make(url, clock, **fields)
    try:
        await output.open()
        yield output
    finally:
        await output.close()


def operation(sql: str, *parameters: Any, name: str = "exec") -> Operation:
    metadata = {"sql": sql}
    if parameters:
        metadata["params"] = json.dumps(parameters)
    return fakes.operation(name, metadata=metadata)


async def query(output: OutputBinding, sql: str, *parameters: Any) -> Any:
    [result] = await output.invoke([operation(sql, *parameters, name="query")])
    assert isinstance(result, Result), result
    return json.loads(result.data or b"")


async def refused(output: OutputBinding, sql: str, *parameters: Any) -> EventError:
    [error] = await output.invoke([operation(sql, *parameters)])
    assert isinstance(error, EventError)
    return error


@pytest.fixture
async def output(database: str) -> AsyncIterator[PostgreSqlOutput]:
    async with opened(database) as output:
        yield output


@pytest.fixture
def table(database: str) -> str:
    name = f"things{next(_numbers)}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            f"CREATE TABLE {name} (id int PRIMARY KEY, name text, seen timestamptz, data jsonb)".encode()
        )
    return name


class TestPostgreSqlOutput(OutputConformance):
    component = output_component
    writes = "exec"

    @pytest.fixture(autouse=True)
    def _table(self, database: str) -> None:
        self.url = database
        self.table = f"written{next(_numbers)}"
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE {self.table} (n serial, data text)".encode())

    async def make(self) -> OutputBinding:
        return make(self.url)

    async def written(self) -> Sequence[bytes | None]:
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(f"SELECT data FROM {self.table} ORDER BY n".encode()).fetchall()
        return [data.encode() for (data,) in rows]

    async def operation(self, name: str) -> Operation:
        event = fakes.event()
        sql = f"INSERT INTO {self.table} (data) VALUES ($1)" if name == "exec" else "SELECT $1"
        metadata = {"sql": sql, "params": json.dumps([(event.data or b"").decode()])}
        return Operation(name=name, event=event, metadata=metadata)


async def test_metadata_of_a_result_is_daprs(database: str, table: str) -> None:
    async with opened(database, VirtualClock()) as output:
        sql = f"INSERT INTO {table} (id) VALUES ($1), ($2)"
        [done] = await output.invoke([operation(sql, 1, 2)])
        [found] = await output.invoke([operation(f"SELECT id FROM {table}", name="query")])
        [closed] = await output.invoke([fakes.operation("close")])
        assert await query(output, "SELECT 1") == [[1]]
    assert isinstance(done, Result)
    time = "2023-11-14T22:13:20.000Z"
    assert done.metadata == {
        "operation": "exec",
        "sql": sql,
        "start-time": time,
        "end-time": time,
        "duration": "0µs",
        "rows-affected": "2",
    }
    assert done.data is None
    assert isinstance(found, Result)
    assert found.metadata.keys() == done.metadata.keys() - {"rows-affected"}
    assert isinstance(closed, Result)
    assert (closed.data, closed.metadata) == (None, {})


async def test_parameters_get_the_types_of_the_statement(output: PostgreSqlOutput, table: str) -> None:
    insert = f"INSERT INTO {table} VALUES ($1, $2, $3, $4)"
    results = await output.invoke(
        [
            operation(insert, 1, "grün ✓", "2026-01-02T03:04:05Z", {"a": [1, None]}),
            operation(insert, 2.0, None, None, [1, "x"]),
            operation(insert, "3", "", None, "1"),
        ]
    )
    assert all(isinstance(result, Result) for result in results), results
    assert await query(output, f"SELECT id, name, data FROM {table} ORDER BY id") == [
        [1, "grün ✓", {"a": [1, None]}],
        [2, None, [1, "x"]],
        [3, "", 1],
    ]
    select = f"SELECT id FROM {table} WHERE id = ANY ($1) AND name = ANY ($2) ORDER BY id"
    assert await query(output, select, [1, 2, 3], ["grün ✓", ""]) == [[1], [3]]
    odd = ['a"b\\c', None, "{}", "", " NULL ", "NULL", "x,y"]
    assert await query(output, "SELECT $1::text[], $2::int[], $3::bool", odd, [[1, 2], [3, 4]], True) == [
        [odd, [[1, 2], [3, 4]], True]
    ]


async def test_values_are_what_dapr_makes_of_them(output: PostgreSqlOutput) -> None:
    values = {
        "1::int2": 1,
        "9223372036854775807::int8": 9223372036854775807,
        "1.5::float8": 1.5,
        "true": True,
        "NULL": None,
        "'x'::text": "x",
        "'{\"a\": 1}'::json": {"a": 1},
        "'\\x0001ff'::bytea": "AAH/",
        "'2026-01-02 03:04:05.5+00'::timestamptz": "2026-01-02T03:04:05.5Z",
        "'2026-01-02 03:04:05'::timestamp": "2026-01-02T03:04:05Z",
        "'2026-01-02'::date": "2026-01-02T00:00:00Z",
        "'infinity'::timestamptz": "infinity",
        "'NaN'::float8": "NaN",
        "'[0:1]={a,b}'::text[]": ["a", "b"],
        "'{}'::int[]": [],
        "'{2026-01-02}'::date[]": ["2026-01-02T00:00:00Z"],
        "'6f5902ac-2370-4a2f-9d55-7fb7b5f3b1a5'::uuid": "6f5902ac-2370-4a2f-9d55-7fb7b5f3b1a5",
    }
    assert await query(output, f"SELECT {', '.join(values)}") == [list(values.values())]
    assert await query(output, "SELECT 1 WHERE false") == []
    [result] = await output.invoke(
        [operation("SELECT 12345678901234567890.12345::numeric, 1e20::float8", name="query")]
    )
    assert isinstance(result, Result)
    assert result.data == b"[[12345678901234567890.12345,1e+20]]"


async def test_time_zone_of_the_session_is_kept(database: str) -> None:
    async with opened(f"{database}?options=-ctimezone%3DAsia/Kolkata") as output:
        assert await query(output, "SELECT '2026-01-02 00:00:00Z'::timestamptz") == [["2026-01-02T05:30:00+05:30"]]


async def test_operation_that_fails_does_not_fail_its_neighbours(output: PostgreSqlOutput, table: str) -> None:
    insert = f"INSERT INTO {table} (id) VALUES ($1)"
    results = await output.invoke(
        [
            operation(insert, 1),
            operation(insert, 1),
            operation("SELEC 1"),
            operation(insert, "many"),
            operation(insert, [1]),
            operation("SELECT $1, $2", [1], 2, 3),
            operation("COPY x FROM STDIN"),
            fakes.operation("exec"),
            fakes.operation("exec", metadata={"sql": "SELECT $1", "params": '{"a": 1}'}),
            fakes.operation("exec", metadata={"sql": "SELECT $1", "params": "[1"}),
            operation("SELECT $1::text", "\0"),
            operation(f"INSERT INTO {table} (id) VALUES (7); SELECT 1/0"),
            operation("-- nothing"),
            operation("SELECT 1", name="close"),
            operation(insert, 2),
        ]
    )
    failed = [number for number, result in enumerate(results) if not isinstance(result, Result)]
    assert failed == [*range(1, 12)]
    assert {type(results[number]) for number in failed} == {Permanent}
    assert "duplicate key" in str(results[1])
    assert "SQLSTATE 23505" in str(results[1])
    assert "syntax error" in str(results[2])
    assert await query(output, f"SELECT id FROM {table} ORDER BY id") == [[1], [2]]


async def test_script_of_several_statements_is_one_transaction(output: PostgreSqlOutput, table: str) -> None:
    script = f"DELETE FROM {table}; INSERT INTO {table} (id) VALUES (1), (2); "
    first, done, last = await output.invoke(
        [
            operation(f"INSERT INTO {table} (id) VALUES ($1)", 1),
            operation(script),
            operation(f"INSERT INTO {table} (id) VALUES ($1)", 3),
        ]
    )
    assert isinstance(first, Result)
    assert isinstance(done, Result)
    assert isinstance(last, Result)
    assert done.metadata["rows-affected"] == "2"
    assert await query(output, f"SELECT id FROM {table} ORDER BY id") == [[1], [2], [3]]
    copy = await refused(output, f"DELETE FROM {table}; COPY {table} FROM STDIN")
    assert isinstance(copy, Permanent)
    assert len(await query(output, f"SELECT id FROM {table}")) == 3


@pytest.mark.parametrize(
    "sql", ["BEGIN", "/* x */ rollback", "-- x\n  COMMIT", "start transaction", "COPY x TO STDOUT"]
)
async def test_statement_that_cannot_stand_alone_is_refused(output: PostgreSqlOutput, table: str, sql: str) -> None:
    insert = operation(f"INSERT INTO {table} (id) VALUES (1)")
    first, refused, second = await output.invoke([insert, operation(sql), operation("SELECT 1")])
    assert isinstance(first, Result)
    assert isinstance(refused, Permanent)
    assert isinstance(second, Result)
    assert await query(output, f"SELECT id FROM {table}") == [[1]]


async def test_script_that_leaves_a_transaction_open_is_undone(output: PostgreSqlOutput, table: str) -> None:
    await output.invoke([operation(f"SELECT 1; BEGIN; INSERT INTO {table} (id) VALUES (1)")])
    assert await query(output, f"SELECT id FROM {table}") == []


async def test_batch_is_one_transaction_unless_one_fails(output: PostgreSqlOutput, table: str) -> None:
    inserts = [operation(f"INSERT INTO {table} (id) VALUES ($1)", number) for number in range(4)]
    transactions = f"SELECT count(DISTINCT xmin::text) FROM {table}"
    await output.invoke(inserts[:3])
    assert await query(output, transactions) == [[1]]
    await output.invoke([operation(f"DELETE FROM {table}"), *inserts, inserts[0]])
    assert await query(output, transactions) == [[4]]


async def test_statement_that_needs_to_be_alone_is(output: PostgreSqlOutput, table: str) -> None:
    insert = operation(f"INSERT INTO {table} (id) VALUES (1)")
    results = await output.invoke([insert, operation(f"VACUUM {table}"), operation("SELECT 1")])
    assert all(isinstance(result, Result) for result in results), results


async def test_error_at_the_commit_is_that_of_its_statement(output: PostgreSqlOutput, table: str) -> None:
    await output.invoke(
        [operation(f"ALTER TABLE {table} ADD other int REFERENCES {table} DEFERRABLE INITIALLY DEFERRED")]
    )
    insert = f"INSERT INTO {table} (id, other) VALUES ($1, $2)"
    first, bad, last = await output.invoke([operation(insert, 1, 1), operation(insert, 2, 9), operation(insert, 3, 3)])
    assert isinstance(first, Result)
    assert isinstance(bad, Permanent)
    assert "foreign key" in str(bad)
    assert isinstance(last, Result)


async def test_large_batches_and_rows_go_through(output: PostgreSqlOutput, table: str) -> None:
    text = "x" * 20_000
    insert = f"INSERT INTO {table} (id, name) VALUES ($1, $2) RETURNING name"
    results = await output.invoke([operation(insert, number, text, name="query") for number in range(500)])
    assert {result.data for result in results if isinstance(result, Result)} == {f'[["{text}"]]'.encode()}


async def test_slow_statement_is_given_up_after_the_timeout(database: str) -> None:
    async with opened(database, timeoutInSeconds="1") as output:
        assert type(await refused(output, "SELECT pg_sleep(30)")) is TimedOut
        assert await query(output, "SELECT 1") == [[1]]


async def test_what_may_pass_is_retryable(output: PostgreSqlOutput, table: str) -> None:
    assert type(await refused(output, "SET statement_timeout = 1; SELECT pg_sleep(5)")) is TimedOut
    raised = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{}'; END $$"
    for code, kind in (("40P01", Retryable), ("55P03", Retryable), ("53300", Unavailable), ("25006", Unavailable)):
        [error] = await output.invoke([operation(raised.format(code))])
        assert type(error) is kind


async def test_connections_are_as_many_as_are_allowed(database: str) -> None:
    name = f"counted{next(_numbers)}"
    async with opened(f"{database}?application_name={name}", maxConns="3", connectionMaxIdleTime="20ms") as output:
        await asyncio.gather(*(output.invoke([operation("SELECT pg_sleep(0.05)")]) for _ in range(6)))
        with psycopg.connect(database, autocommit=True) as connection:

            def count() -> int:
                sql = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"
                [(found,)] = connection.execute(sql.encode()).fetchall()
                return int(found)

            assert count() <= 3
            await fakes.eventually(lambda: count() == 0)
        assert await query(output, "SELECT 1") == [[1]]


async def test_nothing_fails_after_the_server_was_restarted(stoppable: PostgreSql) -> None:
    url = stoppable.new_database()
    async with opened(url) as output:
        await asyncio.gather(*(query(output, "SELECT 1") for _ in range(10)))
        stoppable.stop()
        results = await output.invoke([operation("SELECT 1"), operation("SELECT 2")])
        assert [type(result) for result in results] == [Unavailable] * 2
        stoppable.start()
        assert await asyncio.gather(*(query(output, "SELECT 1") for _ in range(10))) == [[[1]]] * 10


async def test_connection_that_is_cut_is_made_again_and_nothing_is_lost(
    postgresql: PostgreSql, database: str, table: str
) -> None:
    proxy = Proxy(postgresql.port)
    await proxy.start()
    insert = f"INSERT INTO {table} (id) VALUES ($1) ON CONFLICT DO NOTHING"
    async with opened(database.replace(str(postgresql.port), str(proxy.port))) as output:

        async def write(first: int) -> None:
            operations = [operation(insert, number) for number in range(first, first + 50)]
            while operations:
                results = await output.invoke(operations)
                assert all(isinstance(result, Result | Unavailable) for result in results)
                operations = [
                    one for one, result in zip(operations, results, strict=True) if not isinstance(result, Result)
                ]

        writing = asyncio.gather(*(write(first) for first in range(0, 1000, 50)))
        while not writing.done():
            proxy.cut()
            await asyncio.wait({writing}, timeout=0.1)
        await writing
        assert await query(output, f"SELECT count(*) FROM {table}") == [[1000]]
    await proxy.stop()


async def test_call_that_is_cancelled_leaves_an_output_that_works(database: str) -> None:
    async with opened(database, maxConns=1) as output:
        for turns in range(8):
            invoking = asyncio.create_task(output.invoke([operation("SELECT pg_sleep(0.3)"), operation("SELECT 1")]))
            for _ in range(turns):
                await asyncio.sleep(0)
            await asyncio.wait({invoking}, timeout=0.02 * turns)
            invoking.cancel()
            await asyncio.wait({invoking})
            assert await query(output, "SELECT 1") == [[1]]


async def test_server_that_is_not_there_is_waited_for() -> None:
    [port] = free_ports(1)
    with pytest.raises(NotReady):
        await make(f"postgresql://postgres@127.0.0.1:{port}/x").open()


async def test_wrong_password_is_refused_and_not_shown(own_postgresql: PostgreSql) -> None:
    own_postgresql.require_passwords("right")
    output = make(own_postgresql.url, password="secret")
    with pytest.raises(DefinitionError, match="password authentication failed") as caught:
        await output.open()
    assert "secret" not in str(caught.value)
    async with opened(own_postgresql.url, password="right"):
        pass


@pytest.mark.parametrize(
    ("parameters", "hint"),
    [
        ("sslmode=verify-full", "check `sslmode`"),
        ("sslmode=require", "check `sslmode`"),
        ("sslmode=some", "correct the connection string"),
        ("port=many", "correct the connection string"),
    ],
)
async def test_connection_that_can_never_be_made_is_refused(database: str, parameters: str, hint: str) -> None:
    with pytest.raises(DefinitionError, match=hint):
        await make(f"{database}?{parameters}").open()
