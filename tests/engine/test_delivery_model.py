"""The promises of docs/delivery.md, held against drawn histories of failures, stops, crashes and replays."""

from __future__ import annotations

import asyncio
import heapq
import logging
import selectors
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from bindings.contract import Outcome, Received, Redelivery, Settled
from bindings.store import DeadLetter
from engine.clock import VirtualClock
from engine.dead_letters import DeadLetters
from engine.deduplication import Deduplication
from engine.definitions.pipeline import CircuitBreaker, Deduplicate, Delivery, Envelope, Retry
from engine.envelope import EnvelopeMaker
from engine.errors import EventError, NotReady, Permanent, Retryable, Unavailable
from engine.flow import Flow
from engine.intake import Intake
from engine.observer import Counts
from engine.parking import Parking, parked_keys, release
from engine.passage import Passage
from engine.pipeline_run import PipelineRun
from engine.replay import queue_name, replay
from engine.stages.stage import EachEvent, Stage, Surroundings, Verdict
from engine.testing.memory_store import MemoryStore
from tests.engine.rig import Journal

EVENTS = [f"{key}{number}" for key in "abc" for number in range(4)]


@dataclass(frozen=True)
class Setting:
    concurrency: int
    batch: int  # of the call; the output takes one event at a time
    ordered: bool
    once: bool
    whole: bool  # the call fails as a whole
    parks: bool = False  # a dead letter parks its key, and replays are releases; only where there is an order

    @property
    def keeps_order_for_good(self) -> bool:
        return self.ordered and self.parks


@dataclass(frozen=True)
class Mode:
    """How another party behaves; `only` one event is meant, or all."""

    error: type[EventError] | None = None
    only: str | None = None
    hangs: bool = False

    def verdict(self, passage: Passage) -> Verdict:
        if self.error is not None and self.only in (None, passage.event.id):
            return self.error(self.error.__name__)
        return passage.event


class Broker:
    """The input: gives messages out in their order, and what is not settled again; `wrong` says what must not be."""

    redelivery: Redelivery = "native"

    def __init__(self, wrong: list[str], check: Callable[[Settled], None]) -> None:
        self.works = True
        self.event_of: dict[int, str] = {}  # of each message there ever was, by its number
        self.waiting: list[int] = []
        self.out: dict[int, Received] = {}
        self._wrong = wrong
        self._check = check
        self._came = asyncio.Event()

    def put(self, events: Sequence[str]) -> None:
        for event in events:
            number = len(self.event_of)
            self.event_of[number] = event
            heapq.heappush(self.waiting, number)
        self._came.set()

    def unsettled_before(self, number: int) -> list[int]:
        """Messages of the same key that came earlier."""
        key = self.event_of[number][0]
        return [one for one in (*self.waiting, *self.out) if one < number and self.event_of[one][0] == key]

    async def open(self) -> None:
        pass

    async def read(self, limit: int) -> Sequence[Received]:
        while not self.waiting:
            self._came.clear()
            await self._came.wait()
        numbers = [heapq.heappop(self.waiting) for _ in range(min(limit, len(self.waiting)))]
        batch = [Received(f"m{n}", None, {"id": self.event_of[n], "number": n}, handle=n) for n in numbers]
        self.out.update(zip(numbers, batch, strict=True))
        return batch

    async def settle(self, settled: Sequence[Settled]) -> None:
        await asyncio.sleep(0)
        if not self.works:
            raise NotReady("the broker is away")
        for one in settled:
            number = one.received.handle
            if self.out.get(number) is not one.received:
                self._wrong.append(f"message {number} is settled as {one.outcome}, but this delivery is not out")
                continue
            self._check(one)
            del self.out[number]
            if one.outcome is Outcome.RELEASED:
                heapq.heappush(self.waiting, number)
                self._came.set()

    async def close(self) -> None:
        for number in self.out:
            heapq.heappush(self.waiting, number)
        self.out.clear()
        self._came.set()


class Store(MemoryStore):
    """Writes nothing while it does not work; knows of which events it ever had a letter, and what is committed."""

    def __init__(self) -> None:
        super().__init__()
        self.works = True
        self.had_letters: set[str] = set()
        self.committed: set[str] = set()

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        await self._write()
        await super().add_dead_letters(letters)
        self.had_letters |= {letter.origin.id for letter in letters}

    async def commit(self, scope: str, keys: Sequence[str], now: float) -> None:
        await self._write()
        await super().commit(scope, keys, now)
        self.committed |= {key.rpartition(" ")[2] for key in keys}

    async def _write(self) -> None:
        await asyncio.sleep(0)
        if not self.works:
            raise NotReady("the disk is full")


class Party:
    """The app or the output of one run of the engine; its effects are the world's."""

    waits = True

    def __init__(self, world: World, name: str, limit: int, whole: bool) -> None:
        self.name = name
        self.limit = limit
        self._world = world
        self._whole = whole
        self._life = world.life

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        world = self._world
        names = [world.alone(passage) for passage in batch]
        if world.setting.ordered or world.setting.once:
            world.claim(self.name, names)
        try:
            await asyncio.sleep(0)
            while world.modes[self.name].hangs:
                await world.changed.wait()
        finally:
            world.inside.difference_update(names)
        if self._life != world.life:
            raise asyncio.CancelledError  # the process is dead
        verdicts = [world.modes[self.name].verdict(passage) for passage in batch]
        if self._whole:
            for verdict in verdicts:
                if isinstance(verdict, EventError):
                    raise verdict
        for passage, verdict in zip(batch, verdicts, strict=True):
            if not isinstance(verdict, EventError):
                world.note(self.name, passage)
        return verdicts


class World:
    """One pipeline, what is around it, and what is true of it."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.wrong: list[str] = []
        self.clock = VirtualClock()
        self.store = Store()
        self.broker = Broker(self.wrong, self._check)
        self.modes = {"call": Mode(), "output": Mode()}
        self.changed = asyncio.Event()
        self.life = 0
        self.stopping = False
        self.inside: set[str] = set()
        self.effects: list[tuple[str, Passage, Received]] = []
        self.finished: set[int] = set()  # the messages whose event is done, or was a duplicate
        self.run = self._built()
        self.run.start()

    def _built(self) -> PipelineRun:
        setting, envelope = self.setting, EnvelopeMaker(Envelope(), "orders", "bindings.memory", {})
        once = (
            Deduplication("orders", Deduplicate(), self.store, Surroundings({}, self.clock)) if setting.once else None
        )
        key_of = (lambda passage: passage.event.id[0]) if setting.ordered else once.key_of if once else None
        intake = Intake(envelope, key_of, self.clock)
        parking = Parking("orders", self.store, setting.keeps_order_for_good)
        stages: list[Stage] = [
            EachEvent("event", lambda passage: envelope.complete(passage, self.clock.now())),
            *([once] if once else []),
            *([parking] if setting.keeps_order_for_good else []),
            Party(self, "call", setting.batch, setting.whole),
            Party(self, "output", 1, whole=False),
        ]
        delivery = Delivery(retry=Retry(max_attempts=3, jitter=False), circuit_breaker=CircuitBreaker(failures=3))
        letters = DeadLetters("orders", "rev1", self.store, self.clock, parking)
        flow = Flow("orders", "rev1", stages, delivery, letters, Counts(), Journal())
        replays = self.store.queue(queue_name("orders"))
        limits: dict[str, Any] = {"concurrency": setting.concurrency, "batch_size": setting.batch, "max_wait": 0.0}
        return PipelineRun(flow, self.broker, replays, intake, self.clock, parking=parking, once=once, **limits)

    # What is true

    def alone(self, passage: Passage) -> str:
        """What may be under way only once at a time."""
        return passage.event.id[0] if self.setting.ordered else passage.event.id

    def claim(self, stage: str, names: Sequence[str]) -> None:
        for name in names:
            if name in self.inside:
                self.wrong.append(f"{name} is under way twice at {stage}")
            self.inside.add(name)

    def note(self, stage: str, passage: Passage) -> None:
        arrival = passage.arrival
        if any(at == stage and received is arrival.received for at, _, received in self.effects):
            self.wrong.append(f"{passage.event.id} had its effect at {stage} twice in one delivery")
        self.effects.append((stage, passage, arrival.received))
        if self.setting.keeps_order_for_good and stage == "output":
            self._note_in_order(int(passage.event.attributes["number"]))
        if arrival.replay is not None:
            return
        if self.setting.ordered and (before := self.broker.unsettled_before(arrival.received.handle)):
            self.wrong.append(f"message {arrival.received.handle} overtook {before}")
        if self.setting.once and passage.event.id in self.store.committed:
            self.wrong.append(f"{passage.event.id} had its effect at {stage} after it was committed")

    def _note_in_order(self, number: int) -> None:
        """An event may be repeated, but before its first effect all earlier ones of its key had theirs."""
        key = self.broker.event_of[number][0]
        earlier = {one for one in range(number) if self.broker.event_of[one][0] == key} - self.finished
        if earlier and number not in self.finished:
            self.wrong.append(f"message {number} overtook {sorted(earlier)}, which may be parked")
        self.finished.add(number)

    def had_effects(self, event: str, received: Received | None = None) -> bool:
        stages = {at for at, passage, one in self.effects if passage.event.id == event and received in (None, one)}
        return stages == {"call", "output"}

    def _check(self, settled: Settled) -> None:
        event, outcome = self.broker.event_of[settled.received.handle], settled.outcome
        right = {
            Outcome.DONE: self.had_effects(event, settled.received),
            Outcome.DEAD_LETTERED: event in self.store.had_letters,
            Outcome.FILTERED: event in self.store.committed,
            Outcome.RELEASED: self.stopping,
        }
        if outcome is Outcome.FILTERED:
            self.finished.add(settled.received.handle)
        if not right[outcome]:
            self.wrong.append(f"{event} (message {settled.received.handle}) is settled as {outcome} and is not")

    # What happens

    async def arrive(self, events: Sequence[str]) -> None:
        self.broker.put(events)

    async def behave(self, party: str, mode: Mode) -> None:
        self.modes[party] = mode
        self.changed.set()
        self.changed = asyncio.Event()

    async def broker_works(self, works: bool) -> None:
        self.broker.works = works

    async def store_works(self, works: bool) -> None:
        self.store.works = works

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def restart(self, timeout: float, afresh: bool, meanwhile: Mode | None) -> None:
        """Stops and starts, the same run or a new one; the app may change while it stops."""
        self.stopping = True
        stop = asyncio.create_task(self.run.stop(timeout))
        if meanwhile is not None:
            await turns(20)
            await self.behave("call", meanwhile)
        await stop
        await turns(3)
        if others := others_of_loop():
            self.wrong.append(f"tasks after the stop: {others}")
        self.stopping = False
        if afresh:
            await self.run.close()
            self.run = self._built()
        self.run.start()

    async def crash(self) -> None:
        self.life += 1
        while others := others_of_loop():
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        await self.run.close()
        self.run = self._built()
        self.run.start()

    async def replay(self, from_start: bool) -> None:
        if self.setting.keeps_order_for_good:
            await self._release_all()
            return
        await replay(self.store, list(await self.store.dead_letters(limit=1000)), from_start)

    async def _release_all(self) -> None:
        for pipeline, key in await parked_keys(self.store):
            await release(self.store, pipeline, key)

    async def end(self) -> None:
        """All works again, and after some time all is done."""
        for party in self.modes:
            await self.behave(party, Mode())
        self.broker.works = self.store.works = True
        for _ in range(60):
            await self.clock.advance(2)
        assert self.broker.waiting == []
        assert self.broker.out == {}
        if self.setting.keeps_order_for_good:
            await self._release_all()
            for _ in range(60):
                await self.clock.advance(2)
            assert await parked_keys(self.store) == {}
            assert await self.store.count_dead_letters() == 0
        letters = {letter.origin.id for letter in await self.store.dead_letters(limit=1000)}
        lost = {e for e in self.broker.event_of.values() if not self.had_effects(e)} - letters
        assert lost == set()
        await self._all_room_is_free()
        await self.run.stop(1)
        assert others_of_loop() == set()

    async def _all_room_is_free(self) -> None:
        """One message after the other, until no more is read: more is read while half of the room is free."""
        size = 2 * self.setting.concurrency * self.setting.batch
        await self.behave("call", Mode(hangs=True))
        for number in range(size + 1):
            self.broker.put([f"{chr(0x4E00 + number)}"])
            await self.clock.advance(0.01)
        assert len(self.broker.out) == size - max(1, size // 2) + 1
        await self.behave("call", Mode())
        for _ in range(10):
            await self.clock.advance(2)
        assert self.broker.out == {}


def others_of_loop() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class NoWait(selectors.DefaultSelector):
    """Moves the loop's own time, which the limit of a stop is measured in, instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += max(timeout or 0.0, 0.0)
        return super().select(0)


def virtual_loop() -> asyncio.AbstractEventLoop:
    selector = NoWait()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    return loop


Action: TypeAlias = tuple[Any, ...]  # the name of a method of `World`, and what it is given

ERRORS = [Retryable, Unavailable, Permanent]
modes = st.one_of(
    st.just(Mode()),
    st.builds(Mode, st.sampled_from(ERRORS), st.sampled_from(EVENTS)),
    st.builds(Mode, st.sampled_from([Retryable, Unavailable])),
    st.just(Mode(hangs=True)),
)
arrivals = st.tuples(st.just("arrive"), st.lists(st.sampled_from(EVENTS), min_size=1, max_size=8))
actions = st.one_of(
    arrivals,
    arrivals,
    st.tuples(st.just("behave"), st.sampled_from(["call", "output"]), modes),
    st.tuples(st.just("behave"), st.sampled_from(["call", "output"]), modes),
    st.tuples(st.just("broker_works"), st.booleans()),
    st.tuples(st.just("store_works"), st.booleans()),
    st.tuples(st.just("pass_time"), st.sampled_from([0.0, 0.3, 2.0, 7.0])),
    st.tuples(st.just("pass_time"), st.sampled_from([0.0, 0.3, 2.0, 7.0])),
    st.tuples(st.just("restart"), st.sampled_from([0.0, 1.0]), st.booleans(), st.none() | modes),
    st.tuples(st.just("crash")),
    st.tuples(st.just("replay"), st.booleans()),
)
settings_of_pipelines = st.builds(
    Setting,
    concurrency=st.sampled_from([1, 4]),
    batch=st.sampled_from([1, 5]),
    ordered=st.booleans(),
    once=st.booleans(),
    whole=st.booleans(),
)
of_parking_pipelines = st.builds(
    Setting,
    concurrency=st.sampled_from([1, 4]),
    batch=st.sampled_from([1, 5]),
    ordered=st.just(True),
    once=st.booleans(),
    whole=st.booleans(),
    parks=st.just(True),
)
refusals = st.tuples(
    st.just("behave"), st.sampled_from(["call", "output"]), st.builds(Mode, st.just(Permanent), st.sampled_from(EVENTS))
)
recoveries = st.tuples(st.just("behave"), st.sampled_from(["call", "output"]), st.just(Mode()))
actions_on_parked_keys = st.one_of(
    refusals, refusals, recoveries, st.tuples(st.just("replay"), st.just(False)), actions
)


async def live(setting: Setting, history: Sequence[Action]) -> None:
    world = World(setting)
    for name, *given_to_it in history:
        act: Callable[..., Awaitable[None]] = getattr(world, name)
        await act(*given_to_it)
        await turns(10)
        assert world.wrong == []
    await world.end()
    assert world.wrong == []


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """What is logged of thousands of failures is not read."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


ONE = Setting(concurrency=1, batch=1, ordered=False, once=False, whole=False)
BATCHES = Setting(concurrency=1, batch=5, ordered=False, once=False, whole=False)
HANGS = Mode(hangs=True)


# Histories that once went wrong: a settlement that a stop cut off, the outcomes that waited behind it, a replay that a
# stop cut off, and the parts of a batch that were left when their worker was cancelled.
@example(ONE, [("broker_works", False), ("arrive", ["a0"]), ("restart", 1.0, False, None)])
@example(ONE, [("broker_works", False), ("arrive", ["a0", "a1", "a2"]), ("restart", 1.0, False, HANGS)])
@example(
    ONE,
    [
        ("behave", "call", Mode(Permanent, "a0")),
        ("arrive", ["a0"]),
        ("behave", "call", HANGS),
        ("replay", False),
        ("restart", 0.0, False, None),
    ],
)
@example(
    BATCHES,
    [
        ("behave", "output", HANGS),
        ("behave", "call", HANGS),
        ("arrive", ["a0", "a1", "a2", "a3", "b0"]),
        ("restart", 1.0, True, Mode()),
    ],
)
@given(settings_of_pipelines, st.lists(actions, min_size=3, max_size=25))
@settings(max_examples=400, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_nothing_is_lost_doubled_or_overtaken(setting: Setting, history: list[Action]) -> None:
    """To minimise a history that fails, add `Phase.shrink`."""
    with asyncio.Runner(loop_factory=virtual_loop) as runner:
        runner.run(live(setting, history))


@given(of_parking_pipelines, st.lists(actions_on_parked_keys, min_size=8, max_size=30))
@settings(max_examples=200, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_parked_keys_keep_their_order_for_good(setting: Setting, history: list[Action]) -> None:
    with asyncio.Runner(loop_factory=virtual_loop) as runner:
        runner.run(live(setting, history))
