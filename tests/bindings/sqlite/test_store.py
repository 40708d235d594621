"""What bindings/store.py says, for every store; and what is SQLite's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bindings.contract import Outcome
from bindings.sqlite.localqueue import LocalQueue, LocalQueueMetadata
from bindings.sqlite.store import SqliteStore
from bindings.store import DeadLetter, Message, Store
from engine.clock import VirtualClock
from engine.errors import DefinitionError
from tests.bindings.conformance import settled
from tests.bindings.fakes import MemoryStore, context, event, operation


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
    page = await store.dead_letters(pipeline="odd", after="010", limit=2)
    assert [one.id for one in page] == ["011", "013"]
    assert await store.count_dead_letters("even") == 125


async def test_dead_letters_can_be_removed(store: Store) -> None:
    await store.add_dead_letters([letter("1"), letter("2"), letter("3")])
    assert await store.remove_dead_letters(["1", "3", "unknown"]) == 2
    assert [one.id for one in await store.dead_letters()] == ["2"]
    assert await store.count_dead_letters() == 1


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
