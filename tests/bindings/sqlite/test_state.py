"""What is state.sqlite's own; what every state store does is in tests/bindings/states.py."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import Change, StateStore
from bindings.sqlite.metadata import SqliteStateMetadata
from bindings.sqlite.state import SqliteState
from engine.clock import VirtualClock
from engine.errors import DefinitionError, Permanent, Unavailable
from tests.bindings.fakes import context, eventually
from tests.bindings.states import StateConformance

# As Dapr makes and fills it (components-contrib, state/sqlite).
DAPR = """
    CREATE TABLE metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL);
    INSERT INTO metadata VALUES ('migrations', '1');
    CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN NOT NULL,
        etag TEXT NOT NULL, expiration_time TIMESTAMP DEFAULT NULL,
        update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO state VALUES ('shop||a', '{"n":1}', 0, 'e1', NULL, CURRENT_TIMESTAMP),
        ('shop||b', 'AAH/', 1, 'e2', '2023-11-14 22:13:21', CURRENT_TIMESTAMP),
        ('shop||old', '1', 0, 'e3', '2023-11-14 22:13:20', CURRENT_TIMESTAMP);
"""  # a VirtualClock begins at 2023-11-14 22:13:20


def make(file: object, clock: VirtualClock | None = None, **fields: Any) -> SqliteState:
    metadata = SqliteStateMetadata.model_validate({"connectionString": str(file), **fields})
    return SqliteState(metadata, context(clock=clock))


@asynccontextmanager
async def opened(file: object, clock: VirtualClock | None = None, **fields: Any) -> AsyncIterator[SqliteState]:
    store = make(file, clock, **fields)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


def rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


class _Conformance(StateConformance):
    tolerance = 0.001
    file = ""

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.clock = VirtualClock()
        self.path = tmp_path / "state.db"

    async def make(self) -> StateStore:
        return make(self.file or self.path, self.clock)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    def now(self) -> float:
        return self.clock.now()


class TestSqliteState(_Conformance):
    pass


class TestSqliteStateInMemory(_Conformance):
    durable = False
    file = ":memory:"


async def test_data_of_dapr_is_read_and_written(tmp_path: Path) -> None:
    file = tmp_path / "dapr.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(DAPR)
    async with opened(file) as store:
        items = await store.get(["shop||a", "shop||b", "shop||old"])
        assert {key: item.value for key, item in items.items()} == {"shop||a": b'{"n":1}', "shop||b": b"\0\x01\xff"}
        assert (items["shop||a"].etag, items["shop||b"].expires) == ("e1", 1_700_000_001)
        assert list(await store.write([Change("shop||a", b"2", etag="e1")])) == [None]


async def test_table_and_values_are_as_dapr_makes_them(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.db", tmp_path / "theirs.db"
    with closing(sqlite3.connect(theirs)) as connection:
        connection.executescript(DAPR)
    async with opened(ours) as store:
        await store.write([Change("a", b'{"n": 1}'), Change("b", b"\0", ttl=1.5)])
    for table in ("state", "metadata"):
        columns = f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{table}')"
        assert rows(ours, columns) == rows(theirs, columns) != []
    assert rows(ours, "SELECT * FROM metadata") == [("migrations", "1")]
    assert rows(ours, "SELECT key, value, is_binary, expiration_time FROM state ORDER BY key") == [
        ("a", '{"n": 1}', 0, None),
        ("b", base64.b64encode(b"\0").decode(), 1, "2023-11-14 22:13:21.500"),
    ]


async def test_expired_values_are_swept_and_those_who_share_a_file_take_turns(tmp_path: Path) -> None:
    file, clock = tmp_path / "state.db", VirtualClock()
    count = "SELECT count(*) FROM state"
    async with opened(file, clock, cleanupInterval="10m") as store, opened(file, clock, cleanupIntervalInSeconds=600):
        await store.write([Change("a", b"1", ttl=1), Change("b", b"1", ttl=1000), Change("c", b"1")])
        await clock.advance(599)
        assert rows(file, count) == [(3,)]
        await clock.advance(1)
        await eventually(lambda: rows(file, count) == [(2,)])
        await eventually(lambda: clock.sleepers == 2)
        await clock.advance(600)
        await eventually(lambda: rows(file, count) == [(1,)])
        assert rows(file, "SELECT value FROM metadata WHERE key = 'last-cleanup'") == [("2023-11-14 22:33:20.000",)]


async def test_nothing_is_swept_unless_it_is_wanted(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with opened(tmp_path / "state.db", clock):
        assert clock.sleepers == 0


async def test_names_of_tables_and_the_journal_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "state.db"
    fields: dict[str, Any] = {"tableName": "1st", "metadataTableName": "select", "disableWAL": "true"}
    async with opened(f"file:{file}?cache=private&_pragma=user_version(7)&_txlock=immediate", **fields) as store:
        await store.write([Change("a", b"1")])
    assert rows(file, 'SELECT count(*) FROM "1st"') == [(1,)]
    assert rows(file, "PRAGMA journal_mode") == [("delete",)]
    assert rows(file, "PRAGMA user_version") == [(7,)]
    assert file.stat().st_mode & 0o777 == 0o600
    async with opened(file, tableName="1st", metadataTableName="select"):
        pass
    assert rows(file, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("pragma", ["busy_timeout(1)", "JOURNAL_MODE=wal", "foreign_keys(1)", "x(1); DROP TABLE state"])
def test_pragma_that_is_not_allowed_is_refused(pragma: str) -> None:
    with pytest.raises(DefinitionError, match="connectionString cannot have"):
        make(f"state.db?_pragma={pragma}")


async def test_file_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    async with opened(file, disableWAL=True) as store:
        await store.write([Change("a", b"1")])
    async with opened(f"file:{file}?mode=ro") as store:
        assert (await store.get(["a"]))["a"].value == b"1"
        with pytest.raises(Unavailable, match="cannot be written"):
            await store.write([Change("a", b"2")])


async def test_write_waits_for_another_process_and_then_gives_up(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    async with opened(file, busyTimeout="50ms") as store:
        await store.write([Change("a", b"1")])
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="another process"):
                await store.write([Change("a", b"2")])
            assert (await store.get(["a"]))["a"].value == b"1"  # readers do not wait for writers
            other.execute("ROLLBACK")
        assert list(await store.write([Change("a", b"3")])) == [None]


async def test_two_instances_share_a_file(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    async with opened(file) as one, opened(file) as other:
        await asyncio.gather(*(store.write([Change(str(n), b"1")]) for n in range(20) for store in (one, other)))
        assert len(await one.get([str(n) for n in range(20)])) == 20


async def test_key_that_sqlite_cannot_hold_is_refused_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "state.db") as store:
        good, bad, nul = await store.write([Change("a", b"1"), Change("\ud800", b"1"), Change("a\0b", b"2")])
        assert (good, nul, type(bad)) == (None, None, Permanent)
        assert (await store.get(["a", "\ud800", "a\0b"])).keys() == {"a", "a\0b"}


async def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_text("this is a text, and long enough to look like something else " * 20)
    with pytest.raises(DefinitionError, match="not a SQLite database"):
        async with opened(file):
            pass


def test_file_must_be_named() -> None:
    with pytest.raises(ValueError, match="set connectionString"):
        SqliteStateMetadata()
    assert SqliteStateMetadata(url="x").location == "x"
