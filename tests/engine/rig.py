"""A pipeline on the test bench: the real flow, with an input and stages that tests steer by the contract."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from bindings.contract import InputBinding, Outcome, Received, Redelivery, Settled
from bindings.store import DeadLetter
from engine.clock import VirtualClock
from engine.dead_letters import DeadLetters
from engine.deduplication import Deduplication
from engine.definitions.pipeline import CircuitBreaker, Deduplicate, Delivery, Envelope, Retry
from engine.endpoint import Endpoint
from engine.envelope import EnvelopeMaker
from engine.errors import EventError, JackfieldError
from engine.event import Event
from engine.flow import Flow
from engine.intake import Intake, KeyOf
from engine.observer import Counts
from engine.parking import Parking
from engine.passage import Passage
from engine.pipeline_run import PipelineRun
from engine.retry import RetryRule
from engine.stages.stage import EachEvent, Stage, Surroundings, Verdict
from engine.testing.memory_store import MemoryStore

Reply = Callable[[str], Verdict | None]
"""What a stage says of the event of an id; None lets it go on as it is."""


class Source:
    """An input that gives out what `put` adds, keeps what is not settled, and writes down all that is asked of it."""

    redelivery: Redelivery = "native"

    def __init__(self) -> None:
        self.reads: list[int] = []  # how many messages each read gave
        self.settled: list[Settled] = []
        self.settle_errors: deque[Exception] = deque()  # raised by the next calls of `settle`
        self.read_errors: deque[Exception] = deque()
        self.opened = 0
        self.most_out = 0
        self.out: dict[str, Received] = {}
        self._backlog: deque[Received] = deque()
        self._came = asyncio.Event()

    def put(self, *ids: str, data: bytes | None = None) -> None:
        """`a#1` and `a#2` are two messages of one event `a`."""
        self._backlog.extend(Received(id, data, {"id": id.partition("#")[0]}) for id in ids)
        self._came.set()

    async def open(self) -> None:
        self.opened += 1

    async def read(self, limit: int) -> Sequence[Received]:
        if self.read_errors:
            raise self.read_errors.popleft()
        while not self._backlog:
            self._came.clear()
            await self._came.wait()
        batch = [self._backlog.popleft() for _ in range(min(limit, len(self._backlog)))]
        self.out.update({message.id: message for message in batch})
        self.reads.append(len(batch))
        self.most_out = max(self.most_out, len(self.out))
        return batch

    async def settle(self, settled: Sequence[Settled]) -> None:
        if self.settle_errors:
            raise self.settle_errors.popleft()
        for one in settled:
            message = self.out.pop(one.received.id)
            self.settled.append(one)
            if one.outcome is Outcome.RELEASED:
                self._backlog.append(message)

    async def close(self) -> None:
        self._backlog.extend(self.out.values())
        self.out.clear()

    @property
    def outcomes(self) -> dict[str, Outcome]:
        return {one.received.id: one.outcome for one in self.settled}


def answered(reply: Reply, passage: Passage) -> Verdict:
    verdict = reply(passage.event.id)
    return passage.event if verdict is None else verdict


class App:
    """A stage that asks another party: `reply` answers for each event; `calls` holds the ids of each call."""

    def __init__(self, reply: Reply | None = None, *, limit: int | None = 1, name: str = "steps[0].call") -> None:
        self.name = name
        self.limit = limit
        self.waits = True
        self.calls: list[list[str]] = []
        self.reply: Reply = reply or (lambda _: None)

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        self.calls.append([passage.event.id for passage in batch])
        return [answered(self.reply, passage) for passage in batch]

    @property
    def called_with(self) -> list[str]:
        return [id for call in self.calls for id in call]


class BatchApp(App):
    """One that fails as a whole when the reply for any of its events is an error."""

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        verdicts = await super().__call__(batch)
        for verdict in verdicts:
            if isinstance(verdict, EventError):
                raise verdict
        return verdicts


class HeldApp(App):
    """One that answers only when it is let go."""

    def __init__(self, *, limit: int | None = 1) -> None:
        super().__init__(limit=limit)
        self.under_way = 0
        self.go = asyncio.Event()

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        self.under_way += len(batch)
        try:
            await self.go.wait()
        finally:
            self.under_way -= len(batch)
        return await super().__call__(batch)


class Step:
    """A stage that asks nobody."""

    limit = None
    waits = False

    def __init__(self, reply: Reply, name: str = "steps[0].filter") -> None:
        self.name = name
        self.reply = reply

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        return [answered(self.reply, passage) for passage in batch]


class Journal:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.lines: list[str] = []

    def delivered(self, pipeline: str, batch: Sequence[Passage]) -> None:
        self.lines.append(f"delivered {','.join(passage.event.id for passage in batch)}")

    def filtered(self, pipeline: str, passage: Passage) -> None:
        self.lines.append(f"filtered {passage.event.id}")

    def retrying(self, pipeline: str, stage: str, batch: Sequence[Passage], error: EventError, wait: float) -> None:
        self.waits.append(wait)

    def dead_lettered(self, pipeline: str, stage: str, passage: Passage, error: EventError, letter: str) -> None:
        self.lines.append(f"dead-lettered {passage.event.id}")

    def paused(self, pipeline: str, stage: str, reason: str) -> None:
        self.lines.append(f"paused {stage}: {reason}")

    def resumed(self, pipeline: str, stage: str) -> None:
        self.lines.append(f"resumed {stage}")


class FlakyStore(MemoryStore):
    """Fails to keep dead letters while there are errors left; runs `on_add` when it keeps some."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: deque[Exception] = deque()

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        if self.errors:
            raise self.errors.popleft()
        await super().add_dead_letters(letters)


class Rig:
    """One pipeline from a `Source`, or another input, through these stages. No jitter: waits are exact."""

    def __init__(
        self,
        *stages: Stage,
        concurrency: int = 16,
        batch_size: int = 1,
        max_wait: float = 0.0,
        max_attempts: int = 5,
        failures: int = 5,
        probe_every: float = 5.0,
        key_of: KeyOf | None = None,
        deduplicate: Deduplicate | None = None,
        rules: Sequence[RetryRule | None] = (),
        input: InputBinding | None = None,
        park: bool = False,
        endpoints: Sequence[Endpoint | None] = (),
        clock: VirtualClock | None = None,
        store: FlakyStore | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.input = Source()
        self.store = store or FlakyStore()
        self.counts = Counts()
        self.journal = Journal()
        once, orders = None, key_of is not None
        if deduplicate is not None:
            once = Deduplication("orders", deduplicate, self.store, Surroundings({}, self.clock))
            stages, key_of = (once, *stages), key_of or once.key_of
        envelope = EnvelopeMaker(Envelope(), "orders", "bindings.memory", {})
        if key_of is not None:
            stages = (EachEvent("event", lambda passage: envelope.complete(passage, self.clock.now())), *stages)
        delivery = Delivery(
            retry=Retry(max_attempts=max_attempts, jitter=False),
            circuit_breaker=CircuitBreaker(failures=failures, probe_every=probe_every),
        )
        self.parking = Parking("orders", self.store, park)
        if park:
            at = 1 if once is None else 2  # after the event is made, and its duplicates are ended
            stages = (*stages[:at], self.parking, *stages[at:])
        letters = DeadLetters("orders", "rev1", self.store, self.clock, self.parking)
        flow = Flow("orders", "rev1", stages, delivery, letters, self.counts, self.journal, rules, endpoints)
        self.run = PipelineRun(
            flow,
            input or self.input,
            self.store.queue("replay/orders"),
            Intake(envelope, key_of, self.clock, orders),
            self.clock,
            parking=self.parking,
            once=once,
            concurrency=concurrency,
            batch_size=batch_size,
            max_wait=max_wait,
        )

    def start(self, *ids: str) -> None:
        self.input.put(*ids)
        self.run.start()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Lets everything run, at the instant that it is, until the condition holds."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - nothing happens but what the event loop has to do
                await asyncio.sleep(0)

    async def until_settled(self, count: int) -> None:
        await self.until(lambda: len(self.input.settled) >= count)

    async def pass_time(self, seconds: float, step: float = 0.1) -> None:
        """Moves the clock in small steps, so that each chain of events happens at its own instant."""
        for _ in range(round(seconds / step)):
            await self.clock.advance(step)

    async def letters(self) -> dict[str, DeadLetter]:
        return {letter.origin.id: letter for letter in await self.store.dead_letters(limit=10_000)}


def failing(error: Callable[[], JackfieldError], ids: Iterable[str], times: int = 1_000_000) -> Reply:
    """Fails for these ids so many times each."""
    left = dict.fromkeys(ids, times)

    def reply(id: str) -> Verdict | None:
        if left.get(id, 0) > 0:
            left[id] -= 1
            made = error()
            assert isinstance(made, EventError)
            return made
        return None

    return reply


def parts(event_ids: Sequence[str]) -> list[Event]:
    """Events that `split` would make."""
    return [Event({"specversion": "1.0", "id": id, "source": "/tests", "type": "test"}) for id in event_ids]
