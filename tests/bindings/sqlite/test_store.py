"""What bindings/store.py says, for every store; and what is SQLite's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import Outcome
from bindings.sqlite.localqueue import LocalQueue, LocalQueueMetadata
from bindings.sqlite.store import SqliteStore
from bindings.store import DeadLetter, LetterQuery, Message, Store
from engine.clock import VirtualClock
from engine.errors import DefinitionError
from engine.testing.memory_store import MemoryStore
from tests.bindings.conformance import settled
from tests.bindings.fakes import context, event, operation


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store: Store = MemoryStore()
    if request.param == "sqlite":
        store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    await store.open()
    yield store
    await store.close()


def letter(id: str, pipeline: str = "orders", status: int | None = 500) -> DeadLetter:
    return DeadLetter(
        id=id,
        pipeline=pipeline,
        revision="abc",
        stage="steps[1].call",
        event=event(b"\0\xff", subject="Grüße", count=7, flag=True),
        origin=event(None),
        metadata={"key": "a"},
        error="it failed",
        status=status,
        body=b"\xfe" if status else None,
        attempts=3,
        time=1_700_000_000.123456,
    )


async def test_marks_are_kept_by_scope(store: Store) -> None:
    await store.set_marks("a", {"1": "one", "2": "two"})
    await store.set_marks("b", {"1": "other"})
    await store.set_marks("a", {"2": "zwei", "3": "drei"})
    await store.drop_marks("a", ["1", "unknown"])
    assert await store.marks("a") == {"2": "zwei", "3": "drei"}
    assert await store.marks("b") == {"1": "other"}
    assert await store.marks("c") == {}


async def test_dead_letter_is_kept_without_loss(store: Store) -> None:
    letters = [letter("1"), letter("2", status=None)]
    await store.add_dead_letters(letters)
    assert list(await store.dead_letters()) == letters
    assert await store.dead_letter("2") == letters[1]
    assert await store.dead_letter("3") is None


async def test_dead_letter_added_again_is_there_once(store: Store) -> None:
    again = letter("1")
    await store.add_dead_letters([again])
    await store.add_dead_letters([again, letter("2")])
    assert await store.count_dead_letters() == 2


async def test_dead_letters_come_by_page_and_pipeline_oldest_first(store: Store) -> None:
    await store.add_dead_letters(
        [letter(f"{number:03}", "even" if number % 2 == 0 else "odd") for number in range(250)]
    )
    ids: list[str] = []
    while page := await store.dead_letters(after=ids[-1] if ids else ""):
        assert len(page) <= 100
        ids += [one.id for one in page]
    assert ids == [f"{number:03}" for number in range(250)]
    page = await store.dead_letters(LetterQuery(pipeline="odd"), after="010", limit=2)
    assert [one.id for one in page] == ["011", "013"]
    assert await store.count_dead_letters(LetterQuery(pipeline="even")) == 125


async def test_dead_letters_can_be_removed(store: Store) -> None:
    await store.add_dead_letters([letter("1"), letter("2"), letter("3")])
    assert await store.remove_dead_letters(["1", "3", "unknown"]) == 2
    assert [one.id for one in await store.dead_letters()] == ["2"]
    assert await store.count_dead_letters() == 1


async def test_dead_letters_are_chosen_by_all_that_is_asked_for(store: Store) -> None:
    early, late = replace(letter("1"), time=10.0), replace(letter("2"), time=20.0, error="Größe FALSCH: 7")
    other = replace(letter("3", "payments"), time=20.0, error="größe falsch")
    await store.add_dead_letters([early, late, other])

    async def chosen(**conditions: Any) -> list[str]:
        which = LetterQuery(**conditions)
        ids = [one.id for one in await store.dead_letters(which)]
        assert await store.count_dead_letters(which) == len(ids)
        return ids

    assert await chosen() == ["1", "2", "3"]
    assert await chosen(since=20.0) == ["2", "3"]
    assert await chosen(until=20.0) == ["1"]
    assert await chosen(error="GRÖSSE FALSCH") == ["2", "3"]
    assert await chosen(error="7") == ["2"]
    assert await chosen(error="%") == []
    assert await chosen(error="falsch", pipeline="payments", since=10.0, until=21.0) == ["3"]


async def test_dead_letter_changes_in_its_event_and_origin_only(store: Store) -> None:
    before = letter("1")
    await store.add_dead_letters([before])
    changed = replace(before, event=event(b"new"), origin=event(b"new origin"), error="not taken over")
    assert await store.change_dead_letter(changed)
    assert await store.dead_letter("1") == replace(changed, error=before.error)
    assert not await store.change_dead_letter(letter("2"))


async def test_key_is_a_duplicate_only_when_it_is_committed(store: Store) -> None:
    assert await store.claim("s", ["a", "b", "a"], now=100.0, since=0.0) == [False, False, False]
    assert await store.claim("s", ["a"], now=101.0, since=0.0) == [False]
    await store.commit("s", ["b", "c", "b"], now=102.0)  # c: its claim was swept
    assert await store.claim("s", ["c", "a", "b", "b"], now=103.0, since=0.0) == [True, False, True, True]
    assert await store.claim("other", ["b"], now=103.0, since=0.0) == [False]
    await store.commit("s", [], now=104.0)
    assert await store.claim("s", [], now=104.0, since=0.0) == []


async def test_key_that_was_committed_before_the_window_is_claimed_anew(store: Store) -> None:
    await store.commit("s", ["a"], now=100.0)
    assert await store.claim("s", ["a"], now=150.0, since=100.0) == [True]
    assert await store.claim("s", ["a"], now=200.0, since=100.1) == [False]
    assert await store.claim("s", ["a"], now=200.0, since=0.0) == [False]


async def test_keys_are_apart_whatever_is_in_them(store: Store) -> None:
    keys = ["a\0b", "a\0c", "a", "\\0", "ü", "\ud800", "\\ud800", ""]
    await store.commit("s", keys[:1], now=1.0)
    assert await store.claim("s", keys, now=2.0, since=0.0) == [True, *[False] * 7]
    await store.commit("s", keys, now=3.0)
    assert all(await store.claim("s", keys, now=4.0, since=0.0))
    assert (await store.stats())["deduplication keys"] == len(keys)


async def test_sweep_forgets_by_age_and_by_number(store: Store) -> None:
    await store.claim("s", ["claimed"], now=1.0, since=0.0)
    for now in range(2, 8):
        await store.commit("s", [str(now)], now=float(now))
    await store.commit("other", ["2"], now=2.0)
    assert await store.sweep("s", before=3.0, most=100) == 2
    assert await store.sweep("s", before=3.0, most=2) == 3
    assert await store.sweep("s", before=3.0, most=2) == 0
    keys = [str(now) for now in range(2, 8)]
    assert await store.claim("s", keys, now=9.0, since=0.0) == [False] * 4 + [True] * 2
    assert await store.claim("other", ["2"], now=9.0, since=0.0) == [True]


async def test_stats_count_what_is_held(store: Store) -> None:
    await store.set_marks("a", {"1": "one", "2": "two"})
    await store.add_dead_letters([letter("1")])
    held = await store.stats()
    assert (held["marks"], held["dead letters"], held["deduplication keys"]) == (2, 1, 0)


async def test_queue_gives_messages_in_order_until_they_are_settled(store: Store) -> None:
    queue = store.queue("spool")
    await queue.put([Message("1", b"one", {"type": "a"}, {"key": "k"}), Message("2", None), Message("1", b"again")])
    first, second = await queue.read(10)
    assert (first.id, first.data, first.attributes, first.metadata) == ("1", b"one", {"type": "a"}, {"key": "k"})
    await queue.settle(settled([second]))
    await queue.settle(settled([first], Outcome.RELEASED))
    [again] = await queue.read(10)
    assert (again.id, again.attempt) == ("1", 2)
    await queue.close()


async def test_queue_that_is_closed_gives_back_what_is_not_settled(store: Store) -> None:
    queue = store.queue("spool")
    await queue.put([Message("1", b"")])
    await queue.read(10)
    await queue.close()
    [again] = await store.queue("spool").read(10)
    assert again.id == "1"


async def test_queues_of_a_store_are_apart(store: Store) -> None:
    await store.queue("a").put([Message("1", b"a")])
    await store.queue("b").put([Message("1", b"b")])
    assert [message.data for message in await store.queue("b").read(10)] == [b"b"]


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
