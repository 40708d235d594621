from __future__ import annotations

import asyncio
import time

from engine.clock import SystemClock, VirtualClock


async def test_sleepers_wake_in_the_order_of_their_time_and_see_their_instant() -> None:
    clock = VirtualClock(now=100)
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now()))

    tasks = [asyncio.create_task(sleep(name, seconds)) for name, seconds in [("c", 3), ("a", 1), ("b", 1), ("d", 9)]]
    await clock.advance(5)
    assert woken == [("a", 101), ("b", 101), ("c", 103)]
    assert (clock.now(), clock.sleepers) == (105, 1)
    await clock.advance(4)
    await asyncio.gather(*tasks)


async def test_sleep_that_begins_on_the_way_is_part_of_the_advance() -> None:
    clock = VirtualClock(now=0)
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await clock.sleep(2)
            ticks.append(clock.now())

    ticking = asyncio.create_task(tick())
    await clock.advance(7)
    assert ticks == [2, 4, 6]
    ticking.cancel()


async def test_sleeper_that_was_cancelled_does_not_count() -> None:
    clock = VirtualClock()
    sleeping = asyncio.create_task(clock.sleep(1))
    await clock.advance(0)
    assert clock.sleepers == 1
    sleeping.cancel()
    await clock.advance(5)
    assert clock.sleepers == 0


async def test_no_time_is_no_wait() -> None:
    clock = VirtualClock()
    await clock.sleep(0)
    await clock.sleep(-1)
    assert clock.sleepers == 0


async def test_system_clock_is_the_time_of_the_system() -> None:
    clock = SystemClock()
    before = time.time()
    await clock.sleep(0.001)
    assert before < clock.now() <= time.time()
