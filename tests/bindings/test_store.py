"""What bindings/store.py says, for every store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import Outcome
from bindings.postgresql.store import PostgresStore
from bindings.sqlite.store import SqliteStore
from bindings.store import DeadLetter, LetterQuery, Message, Store
from engine.clock import SystemClock, VirtualClock
from engine.testing.memory_store import MemoryStore
from tests.bindings.conformance import settled
from tests.bindings.fakes import event
from tests.bindings.postgresql.server import PostgreSql


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store: Store = MemoryStore()
    if request.param == "sqlite":
        store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    elif request.param == "postgresql":
        server: PostgreSql = request.getfixturevalue("postgresql")
        store = PostgresStore(server.new_database(), SystemClock())
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


async def test_names_and_ids_may_be_long(store: Store) -> None:
    draw = random.Random(1)  # what is repeated would be made short again
    one = "".join(chr(draw.randint(0x4E00, 0x9FFF)) for _ in range(10_000))
    names = [one, one + "x", one[:500]]
    await store.set_marks("s", {name: name for name in names})
    assert await store.marks("s") == {name: name for name in names}
    await store.commit("s", names[:1], now=1.0)
    assert await store.claim("s", names, now=2.0, since=0.0) == [True, False, False]
    await store.add_dead_letters([replace(letter("1"), key=one), replace(letter("2"), key=names[1])])
    assert [found.id for found in await store.dead_letters(LetterQuery(key=one))] == ["1"]
    await store.queue("q").put([Message(name, b"") for name in [*names, one]])
    assert [message.id for message in await store.queue("q").read(10)] == names


async def test_error_is_found_by_its_words_whatever_else_is_in_it(store: Store) -> None:
    await store.add_dead_letters([replace(letter("1"), error="C:\\Grüße: \0 no")])
    for part in ("GRÜSSE", "c:\\g", "\\", ":"):
        assert await store.count_dead_letters(LetterQuery(error=part)) == 1, part
    assert await store.count_dead_letters(LetterQuery(error="/")) == 0


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


async def test_dead_letters_of_a_key_are_found_by_it(store: Store) -> None:
    keys = ["a", "b\0", "ü", None]
    await store.add_dead_letters([replace(letter(str(n)), key=key) for n, key in enumerate(keys)])
    for n, key in enumerate(keys[:3]):
        [found] = await store.dead_letters(LetterQuery("orders", key=key))
        assert (found.id, found.key) == (str(n), key)


async def test_resend_takes_letters_out_puts_messages_in_and_sets_marks(store: Store) -> None:
    await store.add_dead_letters([letter("1"), letter("2")])
    await store.resend(["1", "gone"], "replay/orders", [Message("m", b"x")], {"s": {"k": "v"}})
    assert [one.id for one in await store.dead_letters()] == ["2"]
    assert [message.id for message in await store.queue("replay/orders").read(10)] == ["m"]
    assert await store.marks("s") == {"k": "v"}


async def test_queues_are_found_by_their_beginning_while_they_hold_something(store: Store) -> None:
    for name in ("replay/a@1", "replay/a@2", "replay/a", "replay/ab@3"):
        await store.queue(name).put([Message("m", None)])
    assert sorted(await store.queues("replay/a@")) == ["replay/a@1", "replay/a@2"]
    queue = store.queue("replay/a@2")
    await queue.settle(settled(await queue.read(1)))
    assert await store.queues("replay/a@") == ["replay/a@1"]
    await queue.close()


async def test_texts_are_kept_whatever_is_in_them(store: Store) -> None:
    texts = {"\\x00": "\\", "ü": "✓", "\n": "\t"}
    await store.set_marks("s", texts)
    assert await store.marks("s") == texts
    await store.add_dead_letters([replace(letter("1"), error="no\0 way", metadata={"k": "\0"})])
    [kept] = await store.dead_letters()
    assert (kept.error, kept.metadata) == ("no\0 way", {"k": "\0"})
    await store.queue("q").put([Message("a\0", b"", {"subject": "\0"}, {"k": "\ud800"})])
    [message] = await store.queue("q").read(1)
    assert (message.id, message.attributes, message.metadata) == ("a\0", {"subject": "\0"}, {"k": "\ud800"})


async def test_read_that_waits_sees_what_is_put(store: Store) -> None:
    reader, writer = store.queue("q"), store.queue("q")
    reading = asyncio.create_task(reader.read(10))
    await asyncio.wait({reading}, timeout=0.05)
    await writer.put([Message("1", b"")])
    assert [message.id for message in await asyncio.wait_for(reading, 5)] == ["1"]
    await reader.close()


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
async def test_read_that_is_cancelled_while_a_message_comes_loses_nothing(store: Store, turns: int) -> None:
    queue = store.queue("q")
    reading = asyncio.create_task(queue.read(10))
    await asyncio.wait({reading}, timeout=0.05)
    await queue.put([Message("1", b"")])
    for _ in range(turns):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait({reading})
    received = reading.result() if not reading.cancelled() else await asyncio.wait_for(queue.read(10), 5)
    assert [(message.id, message.attempt) for message in received] == [("1", 1)]
    await queue.close()
