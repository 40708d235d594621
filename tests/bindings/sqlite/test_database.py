from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from bindings.sqlite.database import Database
from engine.errors import Unavailable
from tests.bindings.sqlite.gate import held


def set_mark(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("INSERT INTO marks VALUES ('test', ?, '')", (key,))


def set_marks(connection: sqlite3.Connection, keys: Sequence[str]) -> None:
    for key in keys:
        set_mark(connection, key)


def marks(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM marks ORDER BY key")]


async def test_writes_that_wait_share_one_transaction(database: Database) -> None:
    statements: list[str] = []
    await database.write(lambda connection: connection.set_trace_callback(statements.append))
    async with held(database):
        writes = [database.write(partial(set_mark, key=f"{number:02}")) for number in range(50)]
        statements.clear()
    await asyncio.gather(*writes)
    # The first pair is that of the write that held them.
    assert [statement for statement in statements if statement in ("BEGIN IMMEDIATE", "COMMIT")] == [
        "COMMIT",
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]
    assert len(await database.read(marks)) == 50


async def test_write_that_fails_does_not_fail_its_neighbours(database: Database) -> None:
    async with held(database):
        before = database.write(partial(set_mark, key="before"))
        twice = database.write(partial(set_marks, keys=["twice", "twice"]))
        after = database.write(partial(set_mark, key="after"))
    await before
    with pytest.raises(sqlite3.IntegrityError):
        await twice
    await after
    assert await database.read(marks) == ["after", "before"]


async def test_write_whose_caller_is_cancelled_is_done_nevertheless(database: Database) -> None:
    async with held(database):
        database.write(partial(set_mark, key="done")).cancel()
    await database.write(marks)
    assert await database.read(marks) == ["done"]


async def test_write_is_safe_from_a_power_cut_unless_it_need_not_be(database: Database) -> None:
    def synchronous(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    full, normal = 2, 1  # https://sqlite.org/pragma.html#pragma_synchronous
    assert await database.write(lambda connection: connection.execute("PRAGMA journal_mode").fetchone()) == ("wal",)
    assert await database.write(synchronous) == full
    assert await database.write(synchronous, durable=False) == normal
    async with held(database):
        lax, strict = database.write(synchronous, durable=False), database.write(synchronous)
    assert (await lax, await strict) == (full, full)


async def test_database_is_shared_until_its_last_user_releases_it(tmp_path: Path) -> None:
    first = await Database.acquire(tmp_path / "queues.db")
    second = await Database.acquire(tmp_path / "queues.db")
    assert first is second
    await first.release()
    await second.write(partial(set_mark, key="still open"))
    await second.release()
    with pytest.raises(RuntimeError, match="closed"):
        second.write(marks)
    third = await Database.acquire(tmp_path / "queues.db")
    assert await third.read(marks) == ["still open"]
    await third.release()


async def test_release_waits_for_what_is_being_written(tmp_path: Path) -> None:
    database = await Database.acquire(tmp_path / "queues.db")
    write = database.write(partial(set_mark, key="last"))
    await database.release()
    assert write.done()


async def test_locked_database_is_unavailable(database: Database) -> None:
    await database.write(lambda connection: connection.execute("PRAGMA busy_timeout = 0"))
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="another process"):
        await database.write(partial(set_mark, key="refused"))
    other.close()
    await database.write(partial(set_mark, key="taken"))
    assert await database.read(marks) == ["taken"]


async def test_full_disk_is_unavailable(database: Database) -> None:
    await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(Unavailable, match="disk is full"):
        await database.write(partial(set_mark, key="x" * 100_000))
    assert await database.read(marks) == []


async def test_file_damaged_while_it_is_open_is_unavailable(database: Database) -> None:
    await database.write(partial(set_marks, keys=[str(number) for number in range(1000)]))
    other = sqlite3.connect(database.path)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    content = database.path.read_bytes()
    database.path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(Unavailable, match="damaged"):
        await database.read(marks)
