"""Property: whenever the engine dies, each instant comes, and none comes again after it was settled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import takewhile

from hypothesis import given, settings
from hypothesis import strategies as st

from bindings.contract import Outcome, Received
from bindings.cron.input import CronInput
from bindings.cron.metadata import CronMetadata
from bindings.cron.schedule import Schedule
from engine.clock import VirtualClock
from engine.testing.memory_store import MemoryStore
from tests.bindings.conformance import settled
from tests.bindings.cron.test_schedule import iterate
from tests.bindings.fakes import context

START = 1_711_845_000.0  # 2024-03-31T00:30:00Z: half an hour before Europe/Berlin leaves out an hour

minutes = st.one_of(
    st.integers(2, 30).map("*/{}".format),
    st.lists(st.integers(0, 59), min_size=1, max_size=3).map(lambda numbers: ",".join(map(str, numbers))),
)
schedules = st.one_of(
    st.integers(60, 600).map("@every {}s".format),
    st.builds("{} {} * * *".format, minutes, st.sampled_from(["*", "*/2", "1-3", "0,2"])),
)
pauses = st.integers(0, 5000)
steps = st.one_of(
    st.tuples(st.just("advance"), pauses),
    st.tuples(st.just("crash"), pauses),
    st.tuples(st.just("read"), st.integers(1, 5)),
    st.tuples(st.sampled_from([Outcome.DONE, Outcome.FILTERED, Outcome.RELEASED]), st.integers(0, 3)),
)


class Lives:
    """One component over the lives of its engine."""

    def __init__(self, metadata: CronMetadata) -> None:
        self.metadata = metadata
        self.clock = VirtualClock(START)
        self.store = MemoryStore()
        self.out: list[Received] = []
        self.given: set[float] = set()
        self.settled: set[float] = set()

    async def crash(self, seconds: int) -> None:
        self.out.clear()
        await self.clock.advance(seconds)
        await self.open()

    async def open(self) -> None:
        self.binding = CronInput(self.metadata, context("tick", self.clock, self.store))
        await self.binding.open()

    async def read(self, limit: int) -> bool:
        """False when there is nothing to read."""
        reading = asyncio.create_task(self.binding.read(limit))
        await self.clock.advance(0)
        if not reading.done():
            reading.cancel()
            await asyncio.wait({reading})
            return False
        received = reading.result()
        assert len(received) <= limit
        instants = {message.handle for message in received}
        assert not instants & (self.settled | {message.handle for message in self.out})
        self.given |= instants
        self.out += received
        return True

    async def settle(self, outcome: Outcome, count: int) -> None:
        """From the middle on, so that the order is none that the input could count on."""
        middle = len(self.out) // 2
        chosen = [*self.out[middle:], *self.out[:middle]][:count]
        self.out = [message for message in self.out if message not in chosen]
        await self.binding.settle(settled(chosen, outcome))
        if outcome is not Outcome.RELEASED:
            self.settled |= {message.handle for message in chosen}

    async def step(self, name: str, number: int) -> None:
        match name:
            case "advance":
                await self.clock.advance(number)
            case "crash":
                await self.crash(number)
            case "read":
                await self.read(number)
            case outcome:
                await self.settle(Outcome(outcome), number)

    async def live(self, story: Sequence[tuple[str, int]]) -> None:
        await self.open()
        for name, number in story:
            await self.step(name, number)
        await self.crash(0)
        while await self.read(50):
            await self.settle(Outcome.DONE, 50)


def due(metadata: CronMetadata, since: float, until: float) -> set[float]:
    schedule = Schedule.parse(metadata.schedule, metadata.timezone)
    return set(takewhile(lambda instant: instant <= until, iterate(schedule.next, since)))


@settings(deadline=None, derandomize=True, max_examples=150)
@given(schedules, st.sampled_from(["UTC", "Europe/Berlin"]), st.lists(steps, max_size=25))
def test_with_all_each_instant_comes_and_none_after_it_was_settled(
    text: str, timezone: str, story: Sequence[tuple[str, int]]
) -> None:
    metadata = CronMetadata(schedule=text, timezone=timezone, missed="all", missed_within=86_400 * 3)
    lives = Lives(metadata)
    asyncio.run(lives.live(story))
    expected = due(metadata, START, lives.clock.now())
    assert lives.given == lives.settled == expected


@settings(deadline=None, derandomize=True, max_examples=100)
@given(schedules, st.sampled_from(["allow", "queue"]), st.integers(60, 6000), st.lists(steps, max_size=25))
def test_with_all_each_instant_comes_that_is_no_older_than_missed_within(
    text: str, overlap: str, within: int, story: Sequence[tuple[str, int]]
) -> None:
    rules = {"schedule": text, "overlap": overlap, "missed": "all", "missedWithin": within}
    lives = Lives(CronMetadata.model_validate(rules))
    asyncio.run(lives.live(story))
    now = lives.clock.now()
    assert lives.given >= due(lives.metadata, max(START, now - within), now)
    assert lives.given <= due(lives.metadata, START, now)
    assert lives.given == lives.settled


@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    schedules,
    st.sampled_from(["skip", "last", "all"]),
    st.sampled_from(["allow", "skip", "queue"]),
    st.sampled_from(["0s", "40s", "20m"]),
    st.lists(steps, max_size=25),
)
def test_by_any_rules_what_was_given_out_comes_until_it_is_settled_and_not_again(
    text: str, missed: str, overlap: str, jitter: str, story: Sequence[tuple[str, int]]
) -> None:
    rules = {"schedule": text, "missed": missed, "overlap": overlap, "jitter": jitter}
    lives = Lives(CronMetadata.model_validate(rules))
    asyncio.run(lives.live(story))
    assert lives.given == lives.settled
