from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bindings.contract import Outcome, Received, Settled
from engine.clock import VirtualClock
from engine.errors import NotReady
from engine.settler import Settler


class Input:
    """Takes settlements; while `held`, a settlement waits."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.errors: list[Exception] = []
        self.free = asyncio.Event()
        self.free.set()

    async def settle(self, settled: Sequence[Settled]) -> None:
        self.calls.append([one.received.id for one in settled])
        await self.free.wait()
        if self.errors:
            raise self.errors.pop(0)


class Bench:
    def __init__(self) -> None:
        self.input = Input()
        self.clock = VirtualClock()
        self.confirmed: list[str] = []
        self.settler = Settler(self.input, self.clock, self.confirm)

    def confirm(self, settled: Sequence[Settled]) -> None:
        self.confirmed += [one.received.id for one in settled]

    def add(self, *ids: str) -> None:
        for id in ids:
            self.settler.add(Settled(Received(id, None), Outcome.DONE))


async def test_outcomes_that_come_together_are_settled_together() -> None:
    bench = Bench()
    bench.add("a", "b", "c")
    await bench.settler.flush(1)
    assert bench.input.calls == [["a", "b", "c"]]
    assert bench.confirmed == ["a", "b", "c"]


async def test_outcomes_that_come_meanwhile_are_settled_together_next() -> None:
    bench = Bench()
    bench.input.free.clear()
    bench.add("a")
    await bench.clock.advance(0)
    for id in "bcd":
        bench.add(id)
        await bench.clock.advance(0)
    assert (bench.input.calls, bench.confirmed) == ([["a"]], [])
    bench.input.free.set()
    await bench.settler.flush(1)
    assert bench.input.calls == [["a"], ["b", "c", "d"]]


@pytest.mark.parametrize("error", [NotReady("the broker is away"), KeyError("delivery tag")])
async def test_settlement_that_fails_is_repeated_with_the_same_outcomes(error: Exception) -> None:
    bench = Bench()
    bench.input.errors = [error, error]
    bench.add("a", "b")
    await bench.clock.advance(0)
    bench.add("c")
    await bench.clock.advance(5)
    assert bench.input.calls == [["a", "b"], ["a", "b"], ["a", "b"], ["c"]]
    assert bench.confirmed == ["a", "b", "c"]


async def test_flush_waits_for_what_comes_while_it_waits() -> None:
    bench = Bench()
    bench.input.free.clear()
    bench.add("a")
    flushing = asyncio.create_task(bench.settler.flush(5))
    await bench.clock.advance(0)
    bench.add("b")
    bench.input.free.set()
    await flushing
    assert bench.confirmed == ["a", "b"]


async def test_flush_of_nothing_returns_at_once() -> None:
    await Bench().settler.flush(60)


async def test_flush_gives_up_at_its_time_limit() -> None:
    bench = Bench()
    bench.input.free.clear()
    bench.add("a")
    await bench.settler.flush(0.01)
    bench.input.free.set()
    await bench.clock.advance(5)
    assert bench.confirmed == []


async def test_settler_goes_on_after_it_gave_up() -> None:
    bench = Bench()
    bench.input.free.clear()
    bench.add("a")
    await bench.settler.flush(0.01)
    bench.input.free.set()
    bench.add("b")
    await bench.settler.flush(1)
    assert bench.confirmed == ["b"]


async def test_what_waited_behind_a_settlement_that_was_given_up_is_forgotten() -> None:
    """It comes again with the input; its old outcome must not settle the new delivery."""
    bench = Bench()
    bench.input.free.clear()
    bench.add("a")
    await bench.clock.advance(0)
    bench.add("b")
    assert not await bench.settler.flush(0.01)
    bench.input.free.set()
    bench.add("c")
    assert await bench.settler.flush(1)
    assert bench.confirmed == ["c"]
