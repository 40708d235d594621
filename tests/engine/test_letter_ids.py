from __future__ import annotations

from engine.clock import VirtualClock
from engine.letter_ids import LetterIds
from engine.testing.memory_store import MemoryStore


async def made(ids: LetterIds, count: int) -> list[str]:
    await ids.reserve(count)
    return [ids.new() for _ in range(count)]


async def test_ids_of_one_instant_sort_as_they_were_made() -> None:
    ids = await made(LetterIds("orders", MemoryStore(), VirtualClock()), 1000)
    assert ids == sorted(ids)


async def test_ids_of_the_next_life_come_behind_although_the_clock_was_set_back() -> None:
    store, clock = MemoryStore(), VirtualClock()
    before = await made(LetterIds("orders", store, clock), 10)
    clock.set(-86_400)
    after = await made(LetterIds("orders", store, clock), 10)
    assert [*before, *after] == sorted([*before, *after])


async def test_ids_of_a_life_in_which_the_clock_is_set_back_and_forward_sort_as_they_were_made() -> None:
    clock = VirtualClock()
    ids, all_of_them = LetterIds("orders", MemoryStore(), clock), []
    for by in (0, -3600, 7200, -86_400):
        clock.set(by)
        all_of_them += await made(ids, 10)
    assert all_of_them == sorted(all_of_them)


async def test_mark_is_written_once_a_minute() -> None:
    store, clock = MemoryStore(), VirtualClock()
    ids, marks = LetterIds("orders", store, clock), set()
    for _ in range(120):
        await made(ids, 10)
        marks.add((await store.marks("letters"))["orders"])
        await clock.advance(1)
    assert len(marks) == 2
