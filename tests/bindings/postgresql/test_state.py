"""What is state.postgresql's own; what every state store does is in tests/bindings/states.py."""

from __future__ import annotations

import asyncio
import base64
import itertools
from abc import ABC
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from bindings.contract import Change, Context, StateStore
from bindings.postgresql.metadata import PostgreSqlStateMetadata
from bindings.postgresql.state import PostgreSqlState, state_of
from engine.clock import SystemClock, VirtualClock
from engine.errors import DefinitionError, NotReady, Permanent, Unavailable
from engine.testing.memory_store import MemoryStore
from tests.bindings.fakes import eventually
from tests.bindings.postgresql.server import PostgreSql
from tests.bindings.states import StateConformance
from tests.proxy import Proxy
from tests.servers import free_ports

VERSIONS = ["v1", "v2"]
_numbers = itertools.count(1)
EXPIRES = {"v1": "expiredate", "v2": "expires_at"}


@pytest.fixture
def url(postgresql: PostgreSql) -> str:
    return postgresql.new_database()


def make(url: str, version: str = "v1", clock: Any = None, **fields: Any) -> PostgreSqlState:
    metadata = PostgreSqlStateMetadata.model_validate({"connectionString": url, **fields})
    return state_of(metadata, Context("state", MemoryStore(), clock or SystemClock(), version))


@asynccontextmanager
async def opened(url: str, version: str = "v1", clock: Any = None, **fields: Any) -> AsyncIterator[PostgreSqlState]:
    store = make(url, version, clock, **fields)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """The rows of the last one."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


class _Conformance(StateConformance, ABC):
    version = "v1"

    @pytest.fixture(autouse=True)
    def _table(self, database: str) -> None:
        self.url = database
        self.prefix = f"t{next(_numbers)}_"

    async def pass_time(self, seconds: float) -> None:
        column = EXPIRES[self.version]
        execute(self.url, f"UPDATE {self.prefix}state SET {column} = {column} - interval '{seconds} s'")


class TestPostgreSqlStateV1(_Conformance):
    keeps_bytes = False  # jsonb keeps the value of JSON

    async def make(self) -> StateStore:
        # Of its own: in it v1 has one level for all tables.
        fields = {"tableName": f"{self.prefix}state", "metadataTableName": f"{self.prefix}metadata"}
        return make(self.url, self.version, **fields)


class TestPostgreSqlStateV2(_Conformance):
    version = "v2"

    async def make(self) -> StateStore:
        return make(self.url, self.version, tablePrefix=self.prefix)


# What Dapr's own migrations make (components-contrib, state/postgresql), and a row as Dapr writes it.
DAPR_V1 = (
    "CREATE TABLE dapr_metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL)",
    "INSERT INTO dapr_metadata VALUES ('lock', 'lock'), ('migrations', '2')",
    "CREATE TABLE state (key text NOT NULL PRIMARY KEY, value jsonb NOT NULL, isbinary boolean NOT NULL, "
    "insertdate TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(), updatedate TIMESTAMP WITH TIME ZONE NULL)",
    "ALTER TABLE state ADD expiredate TIMESTAMP WITH TIME ZONE",
    """INSERT INTO state (key, value, isbinary, expiredate) VALUES ('shop||a', '{"n": 1}', false, NULL),
    ('shop||b', '"AAH/"', true, now() + interval '1 hour'), ('shop||old', '1', false, now() - interval '1 s')""",
)
DAPR_V2 = (
    "CREATE TABLE dapr_metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL)",
    "INSERT INTO dapr_metadata VALUES ('lock', 'lock'), ('migrations-state-v2-', '1')",
    "CREATE TABLE state (key text NOT NULL PRIMARY KEY, value bytea NOT NULL, etag uuid NOT NULL DEFAULT "
    "gen_random_uuid(), created_at timestamp with time zone NOT NULL DEFAULT now(), updated_at timestamp with time "
    "zone, expires_at timestamp with time zone)",
    "CREATE INDEX ON state (expires_at)",
    """INSERT INTO state (key, value, expires_at) VALUES ('shop||a', '{"n": 1}', NULL),
    ('shop||b', '\\x0001ff', now() + interval '1 hour'), ('shop||old', '1', now() - interval '1 s')""",
)
COLUMNS = (
    "SELECT column_name, data_type, is_nullable, is_identity FROM information_schema.columns WHERE table_name = '{}'"
)
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = '{}' ORDER BY indexname"


@pytest.mark.parametrize(("version", "made"), [("v1", DAPR_V1), ("v2", DAPR_V2)])
async def test_data_of_an_older_dapr_is_read_and_its_table_brought_up_to_date(
    url: str, version: str, made: tuple[str, ...]
) -> None:
    execute(url, *made)
    async with opened(url, version) as store:
        items = await store.get(["shop||a", "shop||b", "shop||old"])
        await store.write([Change("shop||c", b"1")])
    assert {key: item.value for key, item in items.items()} == {"shop||a": b'{"n": 1}', "shop||b": b"\0\x01\xff"}
    key, level = ("migrations", "3") if version == "v1" else ("migrations-state-v2-", "2")
    assert execute(url, f"SELECT value FROM dapr_metadata WHERE key = '{key}'") == [(level,)]
    numbers = execute(url, "SELECT row_id FROM state ORDER BY row_id")
    assert numbers == [(1,), (2,), (3,), (4,)]
    assert any("state_row_id_uidx" in index for (index,) in execute(url, INDEXES.format("state")))


@pytest.mark.parametrize("version", VERSIONS)
async def test_table_is_made_as_dapr_makes_it(postgresql: PostgreSql, version: str) -> None:
    ours, theirs = postgresql.new_database(), postgresql.new_database()
    execute(theirs, *(DAPR_V1 if version == "v1" else DAPR_V2))
    for url in (ours, theirs):
        async with opened(url, version):
            pass
    for query in (COLUMNS, INDEXES):
        for table in ("state", "dapr_metadata"):
            assert execute(ours, query.format(table)) == execute(theirs, query.format(table)) != []
    assert execute(ours, "SELECT * FROM dapr_metadata ORDER BY key") == execute(
        theirs, "SELECT * FROM dapr_metadata ORDER BY key"
    )


async def test_values_are_written_as_dapr_v1_reads_them(url: str) -> None:
    async with opened(url) as store:
        await store.write(
            [Change("a", b'{"n":1}'), Change("b", b"\0"), Change("c", b'"\\u0000"'), Change("d", b"1e999")]
        )
        await store.write([Change("e", b'"\\ud800"'), Change("f", b'"\\ud83d\\ude00"'), Change("g", b"[" * 100_000)])
        found = await store.get(["c", "d", "e", "f"])
    rows = execute(url, "SELECT key, value, isbinary FROM state WHERE key < 'g' ORDER BY key")
    assert rows[:2] == [("a", {"n": 1}, False), ("b", base64.b64encode(b"\0").decode(), True)]
    assert [(key, binary) for key, _, binary in rows[2:]] == [("c", True), ("d", True), ("e", True), ("f", False)]
    assert [found[key].value for key in "cdef"] == [b'"\\u0000"', b"1e999", b'"\\ud800"', '"😀"'.encode()]


async def test_versions_share_a_database_under_names_of_their_own(url: str) -> None:
    execute(url, "CREATE SCHEMA shop")
    async with (
        opened(url, "v1", tableName="shop.one", metadataTableName="shop.meta") as one,
        opened(url, "v2", tablePrefix="shop.two_", metadataTableName="shop.meta") as two,
    ):
        await one.write([Change("a", b"1")])
        await two.write([Change("a", b"2")])
        assert [(await store.get(["a"]))["a"].value for store in (one, two)] == [b"1", b"2"]
    assert execute(url, "SELECT count(*) FROM shop.one") == execute(url, "SELECT count(*) FROM shop.two_state")


@pytest.mark.parametrize("version", VERSIONS)
async def test_stores_that_open_an_empty_database_at_once_make_one_table(url: str, version: str) -> None:
    stores = [make(url, version) for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.write([Change(str(n), b"1")]) for n, store in enumerate(stores)))
    assert len(await stores[0].get([str(n) for n in range(5)])) == 5
    for store in stores:
        await store.close()


async def test_user_who_may_use_the_tables_need_not_be_allowed_to_make_any(url: str) -> None:
    async with opened(url):
        pass
    execute(url, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    execute(url, "GRANT SELECT, INSERT, UPDATE, DELETE ON state, dapr_metadata TO reader")
    execute(url, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO reader")
    async with opened(url, user="reader") as store:
        assert list(await store.write([Change("a", b"1")])) == [None]
    with pytest.raises(DefinitionError, match="must be allowed to make the tables"):
        await make(url, user="reader", tableName="another", metadataTableName="more").open()


@pytest.mark.parametrize("version", VERSIONS)
async def test_expired_values_are_swept_and_those_who_share_a_table_take_turns(url: str, version: str) -> None:
    clock = VirtualClock()
    async with opened(url, version, clock, cleanupInterval="10m") as store, opened(url, version, clock):
        await store.write([Change("a", b"1", ttl=1), Change("b", b"1", ttl=100), Change("c", b"1")])
        execute(url, f"UPDATE state SET {EXPIRES[version]} = now() - interval '1 s' WHERE key = 'a'")
        await clock.advance(599)
        assert execute(url, "SELECT count(*) FROM state") == [(3,)]
        await clock.advance(1)
        await eventually(lambda: execute(url, "SELECT key FROM state ORDER BY key") == [("b",), ("c",)])
        [(mark, first)] = execute(url, "SELECT key, value FROM dapr_metadata WHERE key LIKE 'last-cleanup%'")
        await eventually(lambda: clock.sleepers == 2)
        # By the clock of the server no ten minutes have passed: another one's turn was just now.
        execute(url, f"UPDATE state SET {EXPIRES[version]} = now() - interval '1 s' WHERE key = 'b'")
        await clock.advance(600)
        await eventually(lambda: clock.sleepers == 2)
        assert execute(url, "SELECT count(*) FROM state") == [(2,)]
        execute(url, f"UPDATE dapr_metadata SET value = now() - interval '601 s' WHERE key = '{mark}'")
        await clock.advance(600)
        await eventually(lambda: execute(url, "SELECT key FROM state") == [("c",)])
        assert execute(url, f"SELECT value > '{first}' FROM dapr_metadata WHERE key = '{mark}'") == [(True,)]


@pytest.mark.parametrize("interval", ["-1", "0", 0, "-1s"])
async def test_sweeping_can_be_turned_off(url: str, interval: Any) -> None:
    clock = VirtualClock()
    async with opened(url, "v1", clock, cleanupInterval=interval):
        assert clock.sleepers == 0


async def test_sweep_that_fails_is_done_again(stoppable: PostgreSql, caplog: pytest.LogCaptureFixture) -> None:
    clock, url = VirtualClock(), stoppable.new_database()
    async with opened(url, "v1", clock, cleanupIntervalInSeconds="1") as store:
        await store.write([Change("a", b"1", ttl=1)])
        execute(url, "UPDATE state SET expiredate = now() - interval '1 s'")
        stoppable.stop()
        await clock.advance(1)
        await eventually(lambda: "is done again in 1 s" in caplog.text)
        stoppable.start()
        await eventually(lambda: clock.sleepers == 1)
        await clock.advance(1)
        await eventually(lambda: execute(url, "SELECT count(*) FROM state") == [(0,)])


@pytest.mark.parametrize("key", ["a\0b", "\ud800"])
async def test_key_that_postgresql_cannot_hold_is_refused_alone(url: str, key: str) -> None:
    async with opened(url) as store:
        good, bad = await store.write([Change("a", b"1"), Change(key, b"1")])
        assert good is None
        assert type(bad) is Permanent
        assert (await store.get(["a", key])).keys() == {"a"}
        with pytest.raises(Permanent):
            await store.transact([Change("b", b"1"), Change(key, b"1")])
        assert await store.get(["b"]) == {}


async def test_change_that_the_server_refuses_fails_alone(url: str) -> None:
    async with opened(url, "v2") as store:
        execute(url, "ALTER TABLE state ADD CHECK (key <> 'bad')")
        first, bad, last = await store.write([Change("a", b"1"), Change("bad", b"1"), Change("c", b"1")])
        assert (first, last) == (None, None)
        assert type(bad) is Permanent
        assert "check constraint" in str(bad)
        with pytest.raises(Permanent, match="check constraint"):
            await store.transact([Change("b", b"1"), Change("bad", b"1")])
        assert (await store.get(["a", "b", "bad", "c"])).keys() == {"a", "c"}


async def test_nothing_fails_after_the_server_was_restarted(stoppable: PostgreSql) -> None:
    async with opened(stoppable.new_database()) as store:
        await asyncio.gather(*(store.write([Change(str(n), b"1")]) for n in range(10)))
        stoppable.stop()
        [error] = await store.write([Change("x", b"1")])
        assert isinstance(error, Unavailable)
        for call in (store.get(["1"]), store.transact([Change("x", b"1")])):
            with pytest.raises(Unavailable):
                await call
        stoppable.start()
        assert list(await store.write([Change("x", b"2")])) == [None]
        assert len(await store.get([str(n) for n in range(10)])) == 10


async def test_connection_that_is_cut_is_made_again(postgresql: PostgreSql) -> None:
    url, proxy = postgresql.new_database(), Proxy(postgresql.port)
    await proxy.start()
    async with opened(url.replace(str(postgresql.port), str(proxy.port))) as store:
        for number in range(5):
            proxy.cut()
            writing = asyncio.gather(*(store.write([Change(str(n), b"%d" % number)]) for n in range(10)))
            await asyncio.sleep(0)
            proxy.cut()
            for n, [error] in enumerate(await writing):
                if error is not None:
                    assert isinstance(error, Unavailable)
                    assert list(await store.write([Change(str(n), b"%d" % number)])) == [None]
        assert {item.value for item in (await store.get([str(n) for n in range(10)])).values()} == {b"4"}
    await proxy.stop()


async def test_server_that_hangs_is_given_up_after_the_timeout(postgresql: PostgreSql) -> None:
    url, proxy = postgresql.new_database(), Proxy(postgresql.port)
    await proxy.start()
    async with opened(url.replace(str(postgresql.port), str(proxy.port)), timeout="1s") as store:
        blocker = psycopg.connect(url)
        blocker.execute("LOCK TABLE state")
        [error] = await store.write([Change("a", b"1")])
        assert "did not answer in time" in str(error)
        blocker.close()
        assert list(await store.write([Change("a", b"1")])) == [None]
    await proxy.stop()


async def test_unknown_version_is_refused_with_those_that_there_are(url: str) -> None:
    with pytest.raises(DefinitionError, match=r"has no version 'v3' .*v1.*v2"):
        make(url, "v3")


async def test_server_that_is_not_there_is_waited_for() -> None:
    [port] = free_ports(1)
    with pytest.raises(NotReady):
        await make(f"postgresql://postgres@127.0.0.1:{port}/x").open()
