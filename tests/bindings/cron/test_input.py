from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from bindings.contract import InputBinding, Outcome, Received
from bindings.cron.input import CronInput
from bindings.cron.metadata import CronMetadata
from engine.clock import VirtualClock
from engine.errors import Unavailable
from engine.event import Attribute
from engine.testing.memory_store import MemoryStore
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context, eventually

START = 1_700_000_000.0  # 2023-11-14T22:13:20Z


class TestCronInput(InputConformance):
    attributes: ClassVar[Mapping[str, Attribute]] = {"subject": "tick"}

    def setup_method(self) -> None:
        self.clock = VirtualClock(START)
        self.store = MemoryStore()

    async def make(self) -> InputBinding:
        return CronInput(CronMetadata(schedule="@every 5s", missed="all"), context("tick", self.clock, self.store))

    async def produce(self, count: int) -> Sequence[bytes | None]:
        await self.clock.advance(5 * count)
        return [None] * count


class CountingStore(MemoryStore):
    writes = 0

    async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
        self.writes += 1
        await super().set_marks(scope, marks)

    async def drop_marks(self, scope: str, keys: Sequence[str]) -> None:
        self.writes += 1
        await super().drop_marks(scope, keys)


class Cron:
    """One component over several instances: the clock and the store stay."""

    def __init__(self, schedule: str = "@every 5s", **metadata: str) -> None:
        self.metadata = CronMetadata.model_validate({"schedule": schedule, **metadata})
        self.clock = VirtualClock(START)
        self.store = CountingStore()

    async def open(self) -> CronInput:
        binding = CronInput(self.metadata, context("tick", self.clock, self.store))
        await binding.open()
        return binding

    async def marks(self) -> dict[str, str]:
        return await self.store.marks("cron/tick")

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


async def test_restart_before_the_clock_moved_does_not_repeat_an_instant() -> None:
    cron = Cron()
    first = await cron.open()
    received = await cron.read(first, 5)
    await first.settle(settled(received))
    cron.clock = VirtualClock(START + 4.5)  # the time was corrected by half a second while the engine restarted
    [message] = await cron.read(await cron.open(), 10)
    assert message.id == "@every 5s@2023-11-14T22:13:30Z"


async def test_first_start_is_the_beginning_also_when_the_engine_dies_before_an_instant_came() -> None:
    cron = Cron("@hourly")
    await cron.open()
    assert await cron.marks() == {"last": str(START), "schedule": "UTC @hourly"}
    await cron.clock.advance(3600)
    [message] = await (await cron.open()).read(10)
    assert message.id == "@hourly@2023-11-14T23:00:00Z"


@pytest.mark.parametrize("missed", ["skip", "last", "all"])
async def test_before_the_first_start_nothing_is_missed(missed: str) -> None:
    cron = Cron(missed=missed)
    cron.clock = VirtualClock(START + 2.5)
    [message] = await cron.read(await cron.open(), 2.5)
    assert message.id == "@every 5s@2023-11-14T22:13:25Z"


@pytest.mark.parametrize("edited", [{"schedule": "@every 10s"}, {"schedule": "@every 5s", "timezone": "Asia/Tokyo"}])
async def test_before_an_edit_of_the_schedule_nothing_is_missed_but_what_was_given_out_comes_again(
    edited: dict[str, str],
) -> None:
    cron = Cron(missed="all")
    [unfinished] = await cron.read(await cron.open(), 5)
    await cron.clock.advance(20)
    cron.metadata = CronMetadata.model_validate({"missed": "all", **edited})
    binding = await cron.open()
    [again] = await binding.read(10)
    assert (again.id, again.attempt, again.metadata["timeZone"]) == (unfinished.id, 2, "UTC")
    [new] = await cron.read(binding, 10)
    assert new.attributes["time"] in ("2023-11-14T22:13:50Z", "2023-11-14T22:13:55Z")
    assert new.metadata["timeZone"] == edited.get("timezone", "UTC")


async def test_event_is_durable_before_it_is_given_out_and_until_it_is_settled() -> None:
    cron = Cron()
    binding = await cron.open()
    received = await cron.read(binding, 5)
    dealt_with = {"last": str(START + 5), "schedule": "UTC @every 5s"}
    assert await cron.marks() == {**dealt_with, f"pending/{START + 5}": "1 UTC @every 5s"}
    await binding.settle(settled(received, Outcome.RELEASED))
    assert await cron.marks() == {**dealt_with, f"pending/{START + 5}": "1 UTC @every 5s"}
    again = await binding.read(10)
    assert await cron.marks() == {**dealt_with, f"pending/{START + 5}": "2 UTC @every 5s"}
    await binding.settle(settled(again))
    assert await cron.marks() == dealt_with


async def test_batch_is_one_write_to_the_store() -> None:
    cron = Cron(missed="all")
    binding = await cron.open()
    await cron.clock.advance(1000)
    before = cron.store.writes
    received = await binding.read(100)
    assert (len(received), cron.store.writes - before) == (100, 1)
    await binding.settle(settled(received))
    assert cron.store.writes - before == 2


async def test_read_cancelled_while_the_store_writes_loses_nothing_and_counts_no_attempt() -> None:
    class SlowStore(CountingStore):
        slow = False

        async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
            await super().set_marks(scope, marks)
            if self.slow:
                await asyncio.Event().wait()

    cron = Cron(missed="skip")
    cron.store = store = SlowStore()
    binding = await cron.open()
    await cron.clock.advance(5)
    store.slow = True
    reading = asyncio.create_task(binding.read(10))
    await eventually(lambda: store.writes == 2)
    reading.cancel()
    await asyncio.wait({reading})
    store.slow = False
    await cron.clock.advance(62)
    [message] = await binding.read(10)
    assert (message.id, message.attempt) == ("@every 5s@2023-11-14T22:13:25Z", 1)


async def test_store_that_fails_loses_nothing() -> None:
    class FailingStore(CountingStore):
        fails = False

        async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
            if self.fails:
                raise Unavailable("the disk is full")
            await super().set_marks(scope, marks)

    cron = Cron(missed="all")
    cron.store = store = FailingStore()
    binding = await cron.open()
    await cron.clock.advance(5)
    store.fails = True
    with pytest.raises(Unavailable):
        await binding.read(10)
    store.fails = False
    await cron.clock.advance(5)
    await binding.close()
    await binding.open()  # as the engine does after an error
    assert [message.attempt for message in await binding.read(10)] == [1, 1]


async def test_event_in_the_queue_outlives_the_engine() -> None:
    cron = Cron(overlap="queue", missed="skip")
    binding = await cron.open()
    await cron.read(binding, 5)
    reading = asyncio.create_task(binding.read(10))
    await cron.clock.advance(10)
    assert not reading.done()
    reading.cancel()
    await cron.clock.advance(600)
    after = await cron.open()
    for second, attempt in ((25, 2), (30, 1), (35, 1)):
        [message] = await after.read(10)
        assert (message.id, message.attempt) == (f"@every 5s@2023-11-14T22:13:{second}Z", attempt)
        await after.settle(settled([message]))


async def test_event_in_the_queue_comes_as_soon_as_the_earlier_one_is_settled() -> None:
    cron = Cron(overlap="queue")
    binding = await cron.open()
    first = await cron.read(binding, 5)
    reading = asyncio.create_task(binding.read(10))
    await cron.clock.advance(7)
    assert not reading.done()
    await binding.settle(settled(first))
    [second] = await reading
    assert second.id == "@every 5s@2023-11-14T22:13:30Z"


async def test_event_in_the_queue_comes_when_the_earlier_one_is_settled_while_the_store_writes() -> None:
    class GatedStore(CountingStore):
        gate = asyncio.Event()

        async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
            await super().set_marks(scope, marks)
            await self.gate.wait()

    cron = Cron(overlap="queue")
    cron.store = store = GatedStore()
    store.gate.set()
    binding = await cron.open()
    first = await cron.read(binding, 5)
    reading = asyncio.create_task(binding.read(10))
    await eventually(lambda: cron.clock.sleepers > 0)
    store.gate.clear()
    await cron.clock.advance(5)
    await binding.settle(settled(first))
    store.gate.set()
    [second] = await reading
    assert second.id == "@every 5s@2023-11-14T22:13:30Z"


async def test_skipped_instant_is_not_missed_after_a_restart() -> None:
    cron = Cron(overlap="skip", missed="all")
    binding = await cron.open()
    first = await cron.read(binding, 5)
    reading = asyncio.create_task(binding.read(10))
    await cron.clock.advance(5)
    await binding.settle(settled(first))
    reading.cancel()
    [message] = await cron.read(await cron.open(), 5)
    assert message.id == "@every 5s@2023-11-14T22:13:35Z"


async def test_jitter_delays_the_event_and_changes_nothing_else_of_it() -> None:
    cron = Cron("@hourly", jitter="30m")
    [message] = await cron.read(await cron.open(), 5400)
    assert message.id == "@hourly@2023-11-14T23:00:00Z"
    assert message.attributes["time"] == message.metadata["scheduledTime"] == "2023-11-14T23:00:00Z"
    assert "2023-11-14T23:00:00Z" < message.metadata["readTimeUTC"] < "2023-11-14T23:30:00Z"


async def test_not_durable_leaves_nothing_in_the_store() -> None:
    cron = Cron(durable="false", missed="all")
    binding = await cron.open()
    [message] = await cron.read(binding, 5)
    await binding.settle(settled([message], Outcome.RELEASED))
    [again] = await binding.read(10)
    assert (again.id, again.attempt) == (message.id, 2)
    await binding.settle(settled([again]))
    assert (cron.store.writes, await cron.marks()) == (0, {})


async def test_released_event_wakes_a_read_that_waits() -> None:
    cron = Cron()
    binding = await cron.open()
    [first] = await cron.read(binding, 5)
    reading = asyncio.create_task(binding.read(10))
    await eventually(lambda: cron.clock.sleepers > 0)
    await binding.settle(settled([first], Outcome.RELEASED))
    [again] = await reading
    assert (again.id, again.attempt) == (first.id, 2)


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


@pytest.mark.parametrize(("durable", "redelivery"), [("true", "native"), ("false", "none")])
def test_durable_decides_who_gives_an_event_out_again(durable: str, redelivery: str) -> None:
    metadata = CronMetadata.model_validate({"schedule": "@daily", "durable": durable})
    assert CronInput(metadata, context()).redelivery == redelivery


async def test_instant_that_could_not_be_stored_for_a_moment_is_not_missed() -> None:
    cron = Cron(missed="skip")
    binding = await cron.open()
    set_marks, errors = cron.store.set_marks, [Unavailable("locked")]

    async def locked(scope: str, marks: Mapping[str, str]) -> None:
        if errors:
            raise errors.pop()
        await set_marks(scope, marks)

    cron.store.set_marks = locked  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await cron.read(binding, 5)
    await cron.clock.advance(0.5)
    await binding.close()  # as the engine does after an error
    await binding.open()
    [message] = await asyncio.wait_for(binding.read(10), 1)
    assert message.handle == START + 5
