"""One pipeline in a world where everything fails, stops and changes; it knows what docs/delivery.md promises of it."""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from bindings.contract import Outcome, Received, Redelivery, Settled
from bindings.store import DeadLetter
from engine.clock import VirtualClock
from engine.dead_letters import DeadLetters
from engine.deduplication import Deduplication
from engine.definitions.pipeline import CircuitBreaker, Deduplicate, Delivery, Envelope, Retry
from engine.envelope import EnvelopeMaker
from engine.errors import EventError, JackfieldError, NotReady, Unavailable
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
"""The first letter is the key of the order."""
_MOST_TURNS = 5000  # of the loop until nothing happens any more; a chain of what is done at once has some hundred


def parts_of(event: str) -> list[str]:
    """The events that `split` makes of one whose number is odd, in a pipeline that splits."""
    return [f"{event}/{part}" for part in range(2)] if event[-1] in "13" else [event]


PARTS = [part for event in EVENTS for part in parts_of(event)]


@dataclass(frozen=True)
class Setting:
    concurrency: int
    batch: int  # of the call; the output takes one event at a time
    ordered: bool
    once: bool
    whole: bool  # the call fails as a whole
    parks: bool = False  # a dead letter parks its key; only where there is an order
    splits: bool = False

    @property
    def keeps_order_for_good(self) -> bool:
        return self.ordered and self.parks

    @property
    def revision(self) -> str:
        return f"ordered={self.ordered} parks={self.keeps_order_for_good}"

    def made_of(self, event: str) -> list[str]:
        return parts_of(event) if self.splits else [event]


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

    def earlier(self, number: int) -> set[int]:
        """The messages of the same key that came earlier."""
        return {one for one in range(number) if self.event_of[one][0] == self.event_of[number][0]}

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


class Flaky:
    """A store, or a queue of it, whose calls fail as its fault says: before anything is done, or when it is done and
    the answer is lost.
    """

    def __init__(self, fault: Fault, inner: Any) -> None:
        self._fault = fault
        self._inner = inner

    def queue(self, name: str) -> Flaky:
        return Flaky(self._fault, self._inner.queue(name))

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method, fault = getattr(self._inner, name), self._fault

        async def call(*given: Any, **named: Any) -> Any:
            if name in ("open", "close"):
                return await method(*given, **named)
            await asyncio.sleep(0)
            fault.strikes(late=False)
            result = await method(*given, **named)
            if name != "read":  # what a read gave out would be lost
                fault.strikes(late=True)
                await turns(4 if name == "marks" else 1)  # what is written meanwhile may be known before
            return result

        return call


class Fault:
    """Nothing works, or `next` says of each of the next calls whether it fails."""

    def __init__(self) -> None:
        self.works = True
        self.next: deque[bool] = deque()
        self.late = False

    def strikes(self, late: bool) -> None:
        if not self.works:
            raise NotReady("the disk is full")
        if self.next and late is self.late and self.next.popleft():
            raise Unavailable("the database is locked")


class Kept(MemoryStore):
    """Knows of which messages and events it ever had a letter, and what is committed."""

    def __init__(self, on_letter: Callable[[int], None]) -> None:
        super().__init__()
        self.had_letters: set[str] = set()
        self.committed: set[str] = set()
        self._on_letter = on_letter

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        await super().add_dead_letters(letters)
        self.had_letters |= {letter.origin.id for letter in letters}
        for letter in letters:
            self._on_letter(number_of(letter))

    async def commit(self, scope: str, keys: Sequence[str], now: float) -> None:
        await super().commit(scope, keys, now)
        self.committed |= {key.rpartition(" ")[2] for key in keys}


def number_of(letter: DeadLetter) -> int:
    return int(letter.origin.attributes["number"])


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
        claims = [(self.name, name, passage.arrival.received) for passage in batch for name in world.alone(passage)]
        world.claim(claims)
        try:
            await asyncio.sleep(0)
            while world.modes[self.name].hangs:
                await world.changed.wait()
        finally:
            for claim in claims:
                world.inside.remove(claim)
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
        self.kept = Kept(self._note_letter)
        self.fault = Fault()
        self.store: Any = Flaky(self.fault, self.kept)
        self.broker = Broker(self.wrong, self._check)
        self.modes = {"call": Mode(), "output": Mode()}
        self.changed = asyncio.Event()
        self.life = 0
        self.stopping = False
        self.inside: list[tuple[str, str, Received]] = []
        self.effects: list[tuple[str, str, Received]] = []
        self.done: dict[int, set[str]] = defaultdict(set)  # of a message: the events that had their effect
        self.finished: set[int] = set()  # the messages whose events are done, or that were duplicates
        self.lettered: set[int] = set()
        self.excused: set[int] = set()  # the messages that need not keep the order
        self.alone_again: set[int] = set()  # those with a letter that is replayed on its own
        self.run = self._built()
        self.run.start()

    def _built(self) -> PipelineRun:
        setting, envelope = self.setting, EnvelopeMaker(Envelope(), "orders", "bindings.memory", {})
        once = (
            Deduplication("orders", Deduplicate(), self.store, Surroundings({}, self.clock)) if setting.once else None
        )
        key_of = (lambda passage: passage.event.id[0]) if setting.ordered else once.key_of if once else None
        intake = Intake(envelope, key_of, self.clock, setting.ordered)
        parking = Parking("orders", self.store, setting.keeps_order_for_good)
        stages: list[Stage] = [
            EachEvent("event", lambda passage: envelope.complete(passage, self.clock.now())),
            *([once] if once else []),
            *([parking] if setting.keeps_order_for_good else []),
            Party(self, "call", setting.batch, setting.whole),
            EachEvent("split", self._split),
            Party(self, "output", 1, whole=False),
        ]
        delivery = Delivery(retry=Retry(max_attempts=3, jitter=False), circuit_breaker=CircuitBreaker(failures=3))
        letters = DeadLetters("orders", setting.revision, self.store, self.clock, parking)
        flow = Flow("orders", setting.revision, stages, delivery, letters, Counts(), Journal())
        replays = self.store.queue(queue_name("orders"))
        limits: dict[str, Any] = {"concurrency": setting.concurrency, "batch_size": setting.batch, "max_wait": 0.0}
        return PipelineRun(flow, self.broker, replays, intake, self.clock, parking=parking, once=once, **limits)

    def _split(self, passage: Passage) -> Verdict:
        parts = self.setting.made_of(passage.event.id)
        return [passage.event.replace(id=part) for part in parts] if len(parts) > 1 else passage.event

    # What is true

    def alone(self, passage: Passage) -> list[str]:
        """What only one message may have under way at a time."""
        if self.setting.ordered:
            return [passage.event.id[0]]
        of_order = [passage.arrival.key] if passage.arrival.replay and passage.arrival.key else []
        return [*of_order, passage.event.id] if self.setting.once else of_order

    def claim(self, claims: Sequence[tuple[str, str, Received]]) -> None:
        for claim in claims:
            stage, name, received = claim
            if any(one[:2] == claim[:2] and one[2] is not received for one in self.inside):
                self.wrong.append(f"{name} is under way twice at {stage}")
            self.inside.append(claim)

    def note(self, stage: str, passage: Passage) -> None:
        arrival, event = passage.arrival, passage.event.id
        if any(at == stage and one == event and received is arrival.received for at, one, received in self.effects):
            self.wrong.append(f"{event} had its effect at {stage} twice in one delivery")
        self.effects.append((stage, event, arrival.received))
        if stage == "output":
            alone = arrival.replay is not None and arrival.release is None
            self._note_in_order(int(passage.event.attributes["number"]), event, alone)
        if arrival.replay is not None:
            return
        unsettled = self.broker.earlier(arrival.received.handle) & {*self.broker.waiting, *self.broker.out}
        if self.setting.ordered and unsettled:
            self.wrong.append(f"message {arrival.received.handle} overtook {unsettled}")
        if self.setting.once and event in self.kept.committed:
            self.wrong.append(f"{event} had its effect at {stage} after it was committed")

    def _note_in_order(self, number: int, event: str, alone: bool) -> None:
        """An event may be repeated, but before its first effect all earlier ones of its key had theirs, unless a person
        replayed it on its own.
        """
        free = self.excused | self.alone_again
        earlier = self.broker.earlier(number) - self.finished - free
        first = number not in self.finished and event not in self.done[number]
        if self.setting.keeps_order_for_good and first and earlier and not alone and number not in free:
            self.wrong.append(f"message {number} overtook {sorted(earlier)}, which may be parked")
        self.done[number].add(event)
        if self.done[number].issuperset(self.setting.made_of(self.broker.event_of[number])):
            self.finished.add(number)

    def _note_letter(self, number: int) -> None:
        self.lettered.add(number)
        self.alone_again.discard(number)
        if not self.setting.keeps_order_for_good:
            self.excused.add(number)  # those behind it go on

    def had_effects(self, event: str, received: Received | None = None) -> bool:
        had = {(at, one) for at, one, its in self.effects if received is None or received is its}
        return had >= {("call", event), *(("output", part) for part in self.setting.made_of(event))}

    def _check(self, settled: Settled) -> None:
        event, outcome = self.broker.event_of[settled.received.handle], settled.outcome
        right = {
            Outcome.DONE: self.had_effects(event, settled.received),
            Outcome.DEAD_LETTERED: event in self.kept.had_letters,
            Outcome.FILTERED: event in self.kept.committed,
            Outcome.RELEASED: self.stopping,
        }
        if outcome is Outcome.FILTERED:
            self.finished.add(settled.received.handle)
        if not right[outcome]:
            self.wrong.append(f"{event} (message {settled.received.handle}) is settled as {outcome} and is not")

    # What happens

    async def act(self, name: str, *given: Any, rests: bool = False) -> None:
        """One of the methods below, and what follows from it: for a moment, or until nothing more happens by itself."""
        action: Callable[..., Awaitable[None]] = getattr(self, name)
        await action(*given)
        if not rests:
            await turns(10)
        elif not await at_rest():
            self.wrong.append("it goes round and round")
        assert not self.wrong, self.wrong[:3]

    async def arrive(self, events: Sequence[str]) -> None:
        self.broker.put(events)

    async def behave(self, party: str, mode: Mode) -> None:
        self.modes[party] = mode
        self.changed.set()
        self.changed = asyncio.Event()

    async def broker_works(self, works: bool) -> None:
        self.broker.works = works

    async def store_works(self, works: bool) -> None:
        self.fault.works = works

    async def store_fails(self, calls: Sequence[bool], late: bool) -> None:
        self.fault.next, self.fault.late = deque(calls), late

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def set_clock(self, by: float) -> None:
        self.clock.set(by)

    async def restart(self, timeout: float, afresh: bool, meanwhile: Mode | None) -> None:
        """Stops and starts, the same run or a new one; the app may change while it stops."""
        await self._stop(timeout, meanwhile)
        if afresh:
            await self.run.close()
            self.run = self._built()
        self.run.start()

    async def change(self, ordered: bool, parks: bool, timeout: float) -> None:
        """A new revision of the pipeline."""
        await self._stop(timeout, None)
        await self.run.close()
        self.setting = replace(self.setting, ordered=ordered, parks=parks)
        if not self.setting.keeps_order_for_good:
            self.excused |= self.lettered
        self.run = self._built()
        self.run.start()

    async def _stop(self, timeout: float, meanwhile: Mode | None) -> None:
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

    async def crash(self) -> None:
        self.life += 1
        while others := others_of_loop():
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        await self.run.close()
        self.run = self._built()
        self.run.start()

    # What a person does; a command may fail as the store does

    async def replay(self, from_start: bool) -> None:
        """All letters, those of parked keys by a release."""
        with suppress(JackfieldError):
            parked = {key for _, key in await parked_keys(self.store)}
            for key in parked:
                await release(self.store, "orders", key)
            letters = await self.store.dead_letters(limit=1000)
            await self._replay([one for one in letters if one.key not in parked], from_start)

    async def release(self, key: str, times: int) -> None:
        for _ in range(times):
            with suppress(JackfieldError):
                await release(self.store, "orders", key)

    async def replay_one(self, which: int, from_start: bool) -> None:
        """A letter on its own, whether its key is parked or not."""
        with suppress(JackfieldError):
            if letters := await self.store.dead_letters(limit=1000):
                await self._replay([letters[which % len(letters)]], from_start)

    async def _replay(self, letters: Sequence[DeadLetter], from_start: bool) -> None:
        self.alone_again |= set(map(number_of, letters))
        await replay(self.store, letters, from_start)

    async def end(self) -> None:
        """All works again, what is parked is released, what is left is replayed: and after some time all is done."""
        for party in self.modes:
            await self.behave(party, Mode())
        self.broker.works = True
        self.fault.works = True
        self.fault.next.clear()
        for _ in range(60):
            await self.clock.advance(2)
        assert self.broker.waiting == []
        assert self.broker.out == {}
        for _ in range(2):
            await self.replay(False)
            for _ in range(60):
                await self.clock.advance(2)
        assert await parked_keys(self.store) == {}
        assert await self.store.count_dead_letters() == 0
        assert {event for event in self.broker.event_of.values() if not self.had_effects(event)} == set()
        await self._all_room_is_free()
        await self.run.stop(1)
        assert others_of_loop() == set()
        assert not self.wrong, self.wrong[:3]

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

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.rest: asyncio.Future[bool] | None = None  # done when nothing happens any more, or too much has happened
        self.turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        if self.rest is not None and (timeout != 0 or self.turns > _MOST_TURNS):
            self.rest.set_result(timeout != 0)
            self.rest = None
        else:
            self.now += max(timeout or 0.0, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = NoWait()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


async def at_rest() -> bool:
    """Waits until nothing happens any more before time passes; False when that does not come."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.selector.turns = 0
    rest: asyncio.Future[bool] = loop.create_future()
    loop.selector.rest = rest
    return await rest
