from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bindings.store import DeadLetter, LetterQuery
from engine.clock import VirtualClock
from engine.errors import DefinitionError, Unavailable
from engine.letter_choice import instant
from engine.retention import PERIOD, Retention
from engine.testing.memory_store import MemoryStore
from tests.engine.test_replay import letter

DAY = 86_400.0


async def store_of(*times: float) -> MemoryStore:
    store = MemoryStore()
    await store.add_dead_letters([replace(letter(f"{number:04}"), time=time) for number, time in enumerate(times)])
    return store


async def ids(store: MemoryStore) -> list[str]:
    return [one.id for one in await store.dead_letters(limit=10_000)]


@asynccontextmanager
async def running(
    store: MemoryStore, clock: VirtualClock, keep: str | None, most: int | None = None
) -> AsyncIterator[None]:
    task = asyncio.create_task(Retention.of(store, clock, keep, most).run())
    await clock.advance(0)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_old_is_announced_and_dropped_a_period_later(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock(now=40 * DAY)
    store = await store_of(9 * DAY, 9.5 * DAY, 11 * DAY)
    async with running(store, clock, "30d"):
        assert "2 dead letters are older than 30 days, and are dropped in 60 minutes; to keep them: " in caplog.text
        await clock.advance(PERIOD - 1)
        assert await ids(store) == ["0000", "0001", "0002"]
        await clock.advance(1)
        assert await ids(store) == ["0002"]
        assert "dropped 2 dead letters that were older than 30 days" in caplog.text


async def test_the_command_of_the_warning_exports_what_will_be_dropped(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock(now=40 * DAY)
    store = await store_of(9 * DAY, 9.5 * DAY + 0.1239999, 39 * DAY)
    async with running(store, clock, "30d", most=2):
        command = shlex.split(caplog.text.rpartition("to keep them: ")[2])
    assert command[:-1] == ["jackfield", "dead-letters", "export", "FILE", "--until"]
    exported = await store.dead_letters(LetterQuery(until=instant(command[-1], now=0.0)))
    assert [one.id for one in exported] == ["0000", "0001"]


async def test_what_becomes_old_after_a_warning_waits_for_its_own() -> None:
    clock = VirtualClock(now=40 * DAY)
    store = await store_of(9 * DAY, 10 * DAY + PERIOD / 2)
    async with running(store, clock, "30d"):
        await clock.advance(PERIOD)
        assert await ids(store) == ["0001"]
        await store.add_dead_letters([replace(letter("imported"), time=DAY)])
        await clock.advance(PERIOD)
        assert await ids(store) == ["imported"]
        await clock.advance(PERIOD)
        assert await ids(store) == []


async def test_the_oldest_beyond_the_number_are_dropped() -> None:
    clock = VirtualClock(now=40 * DAY)
    store = await store_of(*[40 * DAY] * 1203)
    async with running(store, clock, None, most=2):
        assert len(await ids(store)) == 1203
        await clock.advance(PERIOD)
        assert await ids(store) == ["1201", "1202"]


async def test_what_is_within_the_number_again_after_the_warning_is_kept() -> None:
    clock = VirtualClock(now=40 * DAY)
    store = await store_of(1.0, 2.0, 3.0)
    async with running(store, clock, None, most=2):
        await store.remove_dead_letters(["0002"])
        await clock.advance(PERIOD)
        assert await ids(store) == ["0000", "0001"]


async def test_without_a_limit_nothing_is_dropped() -> None:
    clock = VirtualClock(now=40 * DAY)
    store = await store_of(1.0)
    async with running(store, clock, None):
        assert clock.sleepers == 0
    assert await ids(store) == ["0000"]


async def test_store_that_is_away_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    class AwayStore(MemoryStore):
        away = True

        async def dead_letters(self, *arguments: LetterQuery, **page: object) -> Sequence[DeadLetter]:
            if self.away:
                raise Unavailable("the disk is full")
            return await super().dead_letters(*arguments, **page)  # type: ignore[arg-type]

    clock = VirtualClock(now=40 * DAY)
    store = AwayStore()
    await store.add_dead_letters([replace(letter(), time=0.0)])
    async with running(store, clock, "30d"):
        assert "dead letters could not be looked through: the disk is full" in caplog.text
        store.away = False
        await clock.advance(PERIOD)
        assert await store.count_dead_letters() == 1
        await clock.advance(PERIOD)
        assert await store.count_dead_letters() == 0


@pytest.mark.parametrize(
    ("keep", "most", "message"),
    [
        ("month", None, "--keep-dead-letters: 'month' is not a duration"),
        ("30", None, r"--keep-dead-letters: '30' has no unit \(write 30d for days\)"),
        (None, 0, "--most-dead-letters: 0 is not 1"),
    ],
)
def test_limit_that_is_none_is_refused(keep: str | None, most: int | None, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        Retention.of(MemoryStore(), VirtualClock(), keep, most)
