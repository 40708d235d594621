"""What is configuration.postgresql's own; what every such store does is in tests/bindings/configurations.py."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import psycopg
import pytest

from bindings.contract import ConfigurationStore, Context, Setting
from bindings.postgresql.configuration import PostgreSqlConfiguration
from bindings.postgresql.metadata import PostgreSqlConfigurationMetadata
from engine.clock import SystemClock, VirtualClock
from engine.errors import DefinitionError, NotReady, Permanent, Unavailable
from engine.testing.memory_store import MemoryStore
from tests.bindings.configurations import ConfigurationConformance
from tests.bindings.fakes import eventually
from tests.bindings.postgresql.server import PostgreSql
from tests.proxy import Proxy
from tests.servers import free_ports

_numbers = itertools.count(1)

# As Dapr's documentation has them.
TABLE = """
    CREATE TABLE IF NOT EXISTS {table} (
        KEY VARCHAR NOT NULL, VALUE VARCHAR NOT NULL, VERSION VARCHAR NOT NULL, METADATA JSON
    );
    CREATE OR REPLACE FUNCTION {table}_event() RETURNS TRIGGER AS $$
        DECLARE
            data json;
            notification json;
        BEGIN
            IF (TG_OP = 'DELETE') THEN
                data = row_to_json(OLD);
            ELSE
                data = row_to_json(NEW);
            END IF;
            notification = json_build_object('table', TG_TABLE_NAME, 'action', TG_OP, 'data', data);
            PERFORM pg_notify('{table}', notification::text);
            RETURN NULL;
        END;
    $$ LANGUAGE plpgsql;
    CREATE TRIGGER config AFTER INSERT OR UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE PROCEDURE {table}_event();
"""


def execute(url: str, statement: str, *parameters: object) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode(), parameters or None)


def new_table(url: str) -> str:
    table = f"config{next(_numbers)}"
    execute(url, TABLE.format(table=table))
    return table


def put(url: str, table: str, key: str, value: str, version: str = "", metadata: str | None = None) -> None:
    execute(url, f"INSERT INTO {table} VALUES (%s, %s, %s, %s)", key, value, version, metadata)


def make(url: str, table: str, clock: Any = None, **fields: Any) -> PostgreSqlConfiguration:
    known = {"connectionString": url, "table": table, "notifyChannel": table, **fields}
    metadata = PostgreSqlConfigurationMetadata.model_validate(known)
    return PostgreSqlConfiguration(metadata, Context("settings", MemoryStore(), clock or SystemClock()))


@asynccontextmanager
async def opened(url: str, table: str, clock: Any = None, **fields: Any) -> AsyncIterator[PostgreSqlConfiguration]:
    store = make(url, table, clock, **fields)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


class TestPostgreSqlConfiguration(ConfigurationConformance):
    @pytest.fixture(autouse=True)
    def _table(self, database: str) -> None:
        self.url = database
        self.table = new_table(database)

    async def make(self) -> ConfigurationStore:
        return make(self.url, self.table)

    async def put(self, key: str, value: str, version: str = "") -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(f"DELETE FROM {self.table} WHERE key = %s".encode(), (key,))
            connection.execute(f"INSERT INTO {self.table} VALUES (%s, %s, %s)".encode(), (key, value, version))

    async def remove(self, key: str) -> None:
        execute(self.url, f"DELETE FROM {self.table} WHERE key = %s", key)


async def test_largest_version_of_a_key_counts_and_metadata_are_texts(database: str) -> None:
    table = new_table(database)
    for version in ("9", "10", "two"):
        put(database, table, "a", version, version, '{"team": "blue", "size": 3, "tags": ["x"]}')
    for version in ("one", "two"):
        put(database, table, "b", version, version)
    async with opened(database, table) as store:
        found = await store.get([], {})
    assert found == {
        "a": Setting("10", "10", {"team": "blue", "size": "3", "tags": '["x"]'}),
        "b": Setting("one", "one"),
    }


async def test_channel_may_be_named_by_the_app(database: str) -> None:
    table = new_table(database)
    async with opened(database, table, notifyChannel=None) as store:
        with pytest.raises(DefinitionError, match="only with `notifyChannel`"):
            await store.watch([], {})
        async with aclosing(await store.watch([], {"pgnotifychannel": table})) as changes:
            put(database, table, "a", "1")
            assert await anext(changes) == {"a": Setting("1")}
    async with opened(database, table, notifyChannel=None, pgNotifyChannel=table) as store:
        await (await store.watch([], {"pgNotifyChannel": "other"})).aclose()


async def test_what_the_notification_says_does_not_matter(database: str) -> None:
    table = new_table(database)
    async with opened(database, table) as store, aclosing(await store.watch(["a"], {})) as changes:
        for payload in ("", "no JSON", '{"data": 1}', '{"data": {"key": "a", "value": "wrong"}}'):
            execute(database, f"NOTIFY {table}, '{payload}'")
        put(database, table, "a", "right")
        assert await anext(changes) == {"a": Setting("right")}


@pytest.mark.parametrize("fault", ["restart", "cut"])
async def test_what_changes_while_the_connection_is_lost_comes_out(stoppable: PostgreSql, fault: str) -> None:
    url, clock = stoppable.new_database(), VirtualClock()
    table = new_table(url)
    proxy = Proxy(stoppable.port)
    await proxy.start()
    put(url, table, "gone", "1")
    async with opened(url.replace(str(stoppable.port), str(proxy.port)), table, clock) as store:
        async with aclosing(await store.watch([], {})) as changes:
            waiting = asyncio.ensure_future(anext(changes))
            if fault == "restart":
                stoppable.stop()
            else:
                proxy.cut()
            await eventually(lambda: clock.sleepers == 1)
            if fault == "restart":
                await clock.advance(0.5)  # in vain
                await eventually(lambda: clock.sleepers == 1)
                stoppable.start()
            put(url, table, "new", "1")
            execute(url, f"DELETE FROM {table} WHERE key = 'gone'")
            await clock.advance(1)
            assert await waiting == {"new": Setting("1"), "gone": Setting("")}
            put(url, table, "later", "2")
            assert await anext(changes) == {"later": Setting("2")}
        assert (await store.get(["new"], {})).keys() == {"new"}
    await proxy.stop()


async def test_watcher_leaves_no_connection_behind(database: str) -> None:
    table = new_table(database)
    count = f"SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN \"{table}\"' OR query LIKE '%FROM {table}%'"
    with psycopg.connect(database, autocommit=True) as connection:
        async with opened(database, table) as store, aclosing(await store.watch([], {})):
            assert connection.execute(count.encode()).fetchall() != [(1,)]
        await eventually(lambda: connection.execute(count.encode()).fetchall() == [(1,)])  # this one itself


async def test_failures_are_told_by_what_can_be_done(stoppable: PostgreSql) -> None:
    url = stoppable.new_database()
    table = new_table(url)
    with pytest.raises(DefinitionError, match="there is no table nothing"):
        async with opened(url, "nothing"):
            pass
    async with opened(url, table) as store:
        execute(url, f"ALTER TABLE {table} DROP COLUMN version")
        with pytest.raises(Permanent, match="version"):
            await store.get([], {})
        stoppable.stop()
        with pytest.raises(Unavailable):
            await store.get([], {})
        with pytest.raises(Unavailable):
            await store.watch([], {})
        stoppable.start()
    [port] = free_ports(1)
    with pytest.raises(NotReady):
        await make(f"postgresql://postgres@127.0.0.1:{port}/x", table).open()
