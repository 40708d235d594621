from __future__ import annotations

import asyncio
import time

import pytest

from engine.testing.virtual_loop import LoopClock, run_virtually

START = 1_767_225_600.0


def test_a_year_of_sleep_takes_a_moment() -> None:
    async def sleep() -> float:
        await LoopClock().sleep(365 * 86_400)
        return LoopClock().now()

    started = time.perf_counter()
    assert run_virtually(sleep(), START) == pytest.approx(START + 365 * 86_400, abs=1e-3)
    assert time.perf_counter() - started < 1


def test_sleepers_wake_in_the_order_of_their_time() -> None:
    async def run() -> list[str]:
        woken: list[str] = []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append(name)

        await asyncio.gather(sleeper("c", 30), sleeper("a", 0.001), sleeper("b", 20))
        return woken

    assert run_virtually(run(), START) == ["a", "b", "c"]


def test_a_time_out_is_of_virtual_time() -> None:
    async def run() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(11)
        return LoopClock().now() - START

    assert run_virtually(run(), START) == pytest.approx(10, abs=1e-3)


def test_time_stands_still_while_a_thread_works() -> None:
    async def run() -> float:
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(time.sleep, 0.02)  # longer than the time-out, but not in virtual time
        return LoopClock().now() - START

    assert run_virtually(run(), START) == pytest.approx(0, abs=1e-3)
