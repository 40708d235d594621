from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from bindings.contract import InputBinding, Outcome, Received
from bindings.cron.input import CronInput
from bindings.cron.metadata import CronMetadata
from engine.clock import VirtualClock
from engine.event import Attribute
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import MemoryStore, context, eventually

START = 1_700_000_000.0  # 2023-11-14T22:13:20Z


class TestCronInput(InputConformance):
    redelivers = False
    keeps_backlog = False
    attributes: ClassVar[Mapping[str, Attribute]] = {"subject": "tick"}

    def setup_method(self) -> None:
        self.clock = VirtualClock(START)
        self.store = MemoryStore()

    async def make(self) -> InputBinding:
        return CronInput(CronMetadata(schedule="@every 5s"), context("tick", self.clock, self.store))

    async def produce(self, count: int) -> Sequence[bytes | None]:
        await self.clock.advance(5 * count)
        return [None] * count


class Cron:
    """One component over several instances: the clock and the store stay."""

    def __init__(self, schedule: str = "@every 5s", **metadata: str) -> None:
        self.metadata = CronMetadata.model_validate({"schedule": schedule, **metadata})
        self.clock = VirtualClock(START)
        self.store = MemoryStore()

    async def open(self) -> CronInput:
        binding = CronInput(self.metadata, context("tick", self.clock, self.store))
        await binding.open()
        return binding

    async def read(self, binding: CronInput, advance: float) -> Sequence[Received]:
        """Reads while the clock moves."""
        reading = asyncio.create_task(binding.read(10))
        await eventually(lambda: self.clock.sleepers > 0)
        await self.clock.advance(advance)
        return await reading


async def test_event_says_when_it_was_due() -> None:
    cron = Cron("30 8 * * *", timezone="Europe/Berlin")
    binding = await cron.open()
    await cron.clock.advance(12 * 3600)
    [message] = await binding.read(10)
    assert message.id == "30 8 * * *@2023-11-15T07:30:00Z"
    assert message.data is None
    assert message.attributes == {"time": "2023-11-15T07:30:00Z", "subject": "tick"}
    assert message.metadata == {
        "timeZone": "Europe/Berlin",
        "readTimeUTC": "2023-11-15T10:13:20Z",
        "scheduledTime": "2023-11-15T07:30:00Z",
    }


async def test_zone_in_the_schedule_is_the_one_that_the_event_names() -> None:
    cron = Cron("CRON_TZ=Asia/Tokyo  @daily")
    [message] = await cron.read(await cron.open(), 24 * 3600)
    assert message.id == "CRON_TZ=Asia/Tokyo @daily@2023-11-15T15:00:00Z"
    assert message.metadata["timeZone"] == "Asia/Tokyo"


async def test_first_event_is_the_next_instant_after_the_start() -> None:
    cron = Cron("@every 1m")
    [message] = await cron.read(await cron.open(), 60)
    assert message.id == "@every 1m@2023-11-14T22:14:00Z"


async def test_event_comes_at_its_instant_and_not_before() -> None:
    cron = Cron()
    reading = asyncio.create_task((await cron.open()).read(10))
    await cron.clock.advance(4.999)
    assert not reading.done()
    await cron.clock.advance(0.001)
    assert reading.done()
    [message] = reading.result()
    assert message.metadata["readTimeUTC"] == "2023-11-14T22:13:25Z"


async def test_only_the_newest_of_the_instants_that_passed_becomes_an_event() -> None:
    cron = Cron()
    binding = await cron.open()
    await cron.clock.advance(17)
    [late] = await binding.read(10)
    [next_one] = await cron.read(binding, 5)
    assert [late.id, next_one.id] == ["@every 5s@2023-11-14T22:13:35Z", "@every 5s@2023-11-14T22:13:40Z"]


async def test_restart_before_the_clock_moved_does_not_repeat_an_instant() -> None:
    cron = Cron()
    first = await cron.open()
    received = await cron.read(first, 5)
    await first.settle(settled(received))
    cron.clock = VirtualClock(START + 4.5)  # the time was corrected by half a second while the engine restarted
    [message] = await cron.read(await cron.open(), 10)
    assert message.id == "@every 5s@2023-11-14T22:13:30Z"


async def test_mark_of_settled_events_never_goes_back() -> None:
    cron = Cron()
    binding = await cron.open()
    older = await cron.read(binding, 5)
    newer = await cron.read(binding, 5)
    await binding.settle(settled(newer))
    await binding.settle(settled(older))
    assert await cron.store.marks("cron/tick") == {"last": str(START + 10)}


async def test_released_event_leaves_no_mark() -> None:
    cron = Cron()
    binding = await cron.open()
    await binding.settle(settled(await cron.read(binding, 5), Outcome.RELEASED))
    assert await cron.store.marks("cron/tick") == {}


async def test_released_event_wakes_a_read_that_waits() -> None:
    cron = Cron()
    binding = await cron.open()
    [first] = await cron.read(binding, 5)
    reading = asyncio.create_task(binding.read(10))
    await eventually(lambda: cron.clock.sleepers > 0)
    await binding.settle(settled([first], Outcome.RELEASED))
    [again] = await reading
    assert (again.id, again.attempt) == (first.id, 2)


async def test_clock_that_was_far_ahead_and_is_set_right_does_not_silence_the_schedule() -> None:
    cron = Cron()
    await cron.store.set_marks("cron/tick", {"last": str(START + 365 * 86400)})
    [message] = await cron.read(await cron.open(), 5)
    assert message.id == "@every 5s@2023-11-14T22:13:25Z"


async def test_clock_that_is_set_while_it_waits_is_noticed_within_a_minute() -> None:
    class SettableClock(VirtualClock):
        offset = 0.0

        def now(self) -> float:
            return super().now() + self.offset

    cron = Cron("@daily")
    cron.clock = clock = SettableClock(START)
    reading = asyncio.create_task((await cron.open()).read(10))
    await eventually(lambda: clock.sleepers > 0)
    clock.offset = 86400
    await clock.advance(60)
    assert reading.done()
    assert [message.id for message in reading.result()] == ["@daily@2023-11-15T00:00:00Z"]


@pytest.mark.parametrize(("durable", "redelivery"), [("true", "store"), ("false", "none")])
def test_durable_decides_who_gives_an_event_out_again(durable: str, redelivery: str) -> None:
    assert CronInput(CronMetadata.model_validate({"schedule": "@daily", "durable": durable}), context()).redelivery == (
        redelivery
    )
