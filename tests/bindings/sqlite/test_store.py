"""What is SQLite's own; what every store does is in tests/bindings/test_store.py."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bindings.sqlite.localqueue import LocalQueue, LocalQueueMetadata
from bindings.sqlite.store import SqliteStore
from bindings.store import Message
from engine.clock import VirtualClock
from engine.errors import DefinitionError
from tests.bindings.fakes import context, operation
from tests.bindings.test_store import letter


async def test_sqlite_store_keeps_all_when_it_is_closed(tmp_path: Path) -> None:
    for _ in range(2):
        store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
        await store.open()
        await store.set_marks("a", {"1": "one"})
        await store.add_dead_letters([letter("1")])
        await store.queue("spool").put([Message("1", b"")])
        await store.close()
    store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    await store.open()
    assert await store.marks("a") == {"1": "one"}
    assert await store.count_dead_letters() == 1
    assert len(await store.queue("spool").read(10)) == 1
    await store.close()


async def test_sqlite_store_and_localqueue_of_one_file_have_queues_of_their_own(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:{tmp_path}/jackfield.db", VirtualClock())
    await store.open()
    output = LocalQueue(LocalQueueMetadata(path=f"{tmp_path}/jackfield.db", queue_name="orders"), context())
    await output.open()
    await output.invoke([operation("create", b"of the component")])
    await store.queue("orders").put([Message("1", b"of the store")])
    assert [message.data for message in await store.queue("orders").read(10)] == [b"of the store"]
    assert [message.data for message in await output.read(10)] == [b"of the component"]
    await output.close()
    await store.close()


@pytest.mark.parametrize("form", ["sqlite:{}", "sqlite://{}"])
async def test_url_with_an_absolute_path(tmp_path: Path, form: str) -> None:
    store = SqliteStore(form.format(tmp_path / "store.db"), VirtualClock())
    await store.open()
    await store.close()
    assert (tmp_path / "store.db").is_file()


async def test_url_with_a_path_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("sqlite:.jackfield/store.db", VirtualClock())
    await store.open()
    await store.close()
    assert (tmp_path / ".jackfield" / "store.db").is_file()


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://", "sqlite://host/store.db", "postgres://host/db"])
def test_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(DefinitionError, match=r"sqlite:\.jackfield/store\.db"):
        SqliteStore(url, VirtualClock())


async def test_store_that_could_not_be_opened_can_be_closed(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("not a database" * 1000)
    store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    with pytest.raises(DefinitionError):
        await store.open()
    await store.close()


async def test_sqlite_stats_tell_queues_by_their_kind_and_the_size_of_the_file(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    await store.open()
    await store.queue("replay/orders").put([Message("1", b"")])
    await store.queue("replay/payments").put([Message("1", b"")])
    await store.queue("webhook").put([Message("1", b"x" * 100_000)])
    held = await store.stats()
    assert (held["replayed messages"], held["spooled messages"]) == (2, 1)
    assert held["file bytes"] > 100_000
    await store.close()


async def test_sqlite_ledger_knows_after_it_was_closed_what_was_committed(tmp_path: Path) -> None:
    for claimed in ([False, False], [True, False]):
        store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
        await store.open()
        assert await store.claim("s", ["done", "only claimed"], now=1.0, since=0.0) == claimed
        await store.commit("s", ["done"], now=1.0)
        await store.close()


async def test_sqlite_backup_is_a_store_with_all_that_was_written_before(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    await store.open()
    await store.add_dead_letters([letter("1")])
    await store.queue("spool").put([Message("1", b"one")])
    await store.backup(f"{tmp_path}/copy.db")
    await store.add_dead_letters([letter("2")])
    await store.close()
    copy = SqliteStore(f"sqlite:{tmp_path}/copy.db", VirtualClock())
    await copy.open()
    assert [one.id for one in await copy.dead_letters()] == ["1"]
    assert [one.data for one in await copy.queue("spool").read(10)] == [b"one"]
    await copy.close()
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


async def test_sqlite_backup_is_made_while_others_write(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    await store.open()
    await store.queue("spool").put([Message(str(number), b"x" * 10_000) for number in range(500)])
    backup = asyncio.create_task(store.backup(f"{tmp_path}/copy.db"))
    written = 0
    while not backup.done():
        await store.set_marks("a", {str(written): "x"})
        written += 1
    await backup
    copy = SqliteStore(f"sqlite:{tmp_path}/copy.db", VirtualClock())
    await copy.open()
    assert (await copy.stats())["spooled messages"] == 500
    assert (await copy.stats())["marks"] <= written
    await copy.close()
    await store.close()


async def test_sqlite_backup_never_overwrites_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    await store.open()
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(DefinitionError, match=r"taken exists already"):
        await store.backup(f"{tmp_path}/taken")
    with pytest.raises(DefinitionError, match=r"no/copy\.db cannot be made: No such file"):
        await store.backup(f"{tmp_path}/no/copy.db")
    await store.close()
    assert (tmp_path / "taken").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["store.db", "taken"]
