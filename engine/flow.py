"""The way of an event. `Flow.advance` is the whole of it: stage by stage, in one direction, to one outcome.

    input.read() -> envelope -> steps -> outputs -> outcome -> input.settle()

Every stage works on a batch; a single event is a batch of one. An error ends an event's way here, and this is the
one place that decides what becomes of it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from bindings.contract import Outcome
from engine.breaker import Breaker, policy_of
from engine.dead_letters import DeadLetters
from engine.definitions.pipeline import Delivery
from engine.endpoint import Endpoint
from engine.errors import EventError, Permanent, Retryable, Unavailable
from engine.event import Event
from engine.faults import reach
from engine.observer import Counts, Observer
from engine.passage import Passage
from engine.retry import RetryRule, backoff
from engine.stages.stage import Stage, Verdict

_log = logging.getLogger("jackfield.flow")


class Waits(Protocol):
    """Where batches go that cannot go on at once; `engine/waiting.py`."""

    def resume(self, batch: list[Passage]) -> None: ...  # as soon as there is a free hand
    def resume_after(self, seconds: float, batch: list[Passage]) -> None: ...
    def park(self, at: int, batch: list[Passage], wait: float) -> None: ...  # until the breaker of a stage lets it
    def unpark(self, at: int) -> None: ...


class Flow:
    """The stages of one revision of a pipeline, and what is decided between them.

    `rules`: that of each stage that has one of its own; the others have that of `delivery`. `endpoints`: whom
    each stage asks, where others may ask them too.
    """

    def __init__(
        self,
        pipeline: str,
        revision: str,
        stages: Sequence[Stage],
        delivery: Delivery,
        letters: DeadLetters,
        counts: Counts,
        observer: Observer,
        rules: Sequence[RetryRule | None] = (),
        endpoints: Sequence[Endpoint | None] = (),
    ) -> None:
        self.pipeline = pipeline
        self.revision = revision
        self.stages = stages
        own = [Endpoint(Breaker(policy_of(delivery.circuit_breaker))) if stage.waits else None for stage in stages]
        self.endpoints = list(endpoints) or own
        self._watchers = [
            (endpoint, Watching(self, at)) for at, endpoint in enumerate(self.endpoints) if endpoint is not None
        ]
        self.counts = counts
        usual = RetryRule(delivery.retry)
        self._rules = [rule or usual for rule in rules] or [usual] * len(stages)
        self.letters = letters
        self._observer = observer
        self.waits: Waits

    async def advance(self, batch: list[Passage]) -> None:
        """Takes a batch, all of it before one stage, from there as far as it goes now."""
        while batch:
            at = batch[0].stage
            if at == len(self.stages):
                reach("after-outputs")
                self.end(batch, Outcome.DONE)
                return
            stage = self.stages[at]
            if stage.limit is not None and len(batch) > stage.limit:
                batch = self._first_piece(batch, stage.limit)
            try:
                verdicts = await self._ask(at, batch)
                if verdicts is None:
                    self.waits.park(at, batch, 0.0)
                    return
                if len(verdicts) != len(batch):
                    raise ValueError(f"{len(verdicts)} verdicts on {len(batch)} events")
            except EventError as error:
                await self._failed_together(batch, error)
                return
            except Exception as error:  # a bug: it must not take the pipeline down, nor lose the batch
                _log.exception("%s: %s failed in a way that it should not", self.pipeline, stage.name)
                await self._failed_together(batch, Permanent(f"internal error: {type(error).__name__}: {error}"))
                return
            batch = await self._decide(at, batch, verdicts)

    async def _ask(self, at: int, batch: Sequence[Passage]) -> Sequence[Verdict] | None:
        """None when the breaker of its endpoint does not let the batch."""
        stage, endpoint = self.stages[at], self.endpoints[at]
        if endpoint is None:
            return await stage(batch)
        async with endpoint.limit:
            return await stage(batch) if endpoint.breaker.admits() else None

    def _first_piece(self, batch: list[Passage], limit: int) -> list[Passage]:
        """The rest goes on in pieces of its own, side by side with this one."""
        for start in range(limit, len(batch), limit):
            self.waits.resume(batch[start : start + limit])
        return batch[:limit]

    async def _decide(self, at: int, batch: list[Passage], verdicts: Sequence[Verdict]) -> list[Passage]:
        """What of the batch goes on to the next stage; the rest has ended or waits."""
        onward: list[Passage] = []
        failed: list[tuple[Passage, EventError]] = []
        for passage, verdict in zip(batch, verdicts, strict=True):
            if verdict is None or isinstance(verdict, Event):
                passage.move_on(verdict or passage.event)
                onward.append(passage)
            elif isinstance(verdict, EventError):
                failed.append((passage, verdict))
            elif isinstance(verdict, list) and verdict:
                onward += passage.fork(verdict)
            else:
                self._observer.filtered(self.pipeline, passage)
                self.end([passage], Outcome.FILTERED)
        # One answer shows that the other side is there, however many of its neighbours failed.
        answered = any(verdict is not None and not isinstance(verdict, EventError) for verdict in verdicts)
        endpoint = self.endpoints[at]
        if answered and endpoint is not None:
            endpoint.answered()
        await self._fail(at, failed, answered)
        return onward

    async def _failed_together(self, batch: list[Passage], error: EventError) -> None:
        """A batch failed as a whole. It is halved until the event that is to blame stands alone; only then does a
        failure count as the event's own, so that one bad event never takes its neighbours with it.
        """
        at = batch[0].stage
        if len(batch) == 1:
            await self._decide(at, batch, [error])
            return
        self._tell(at, batch[0], error)
        for passage in batch:
            passage.tries += 1
        half = len(batch) if isinstance(error, Unavailable) else len(batch) // 2
        for part in (batch[:half], batch[half:]):
            if part:
                self._wait(at, part, error)

    async def _fail(self, at: int, failed: Sequence[tuple[Passage, EventError]], answered: bool) -> None:
        """Events failed each by its own fault: they wait for another try, or they are dead letters."""
        dead: list[tuple[Passage, EventError]] = []
        for passage, error in failed:
            was_open = self._is_open(at)
            if not answered:
                self._tell(at, passage, error)
            passage.tries += 1
            # While nothing gets an answer, a failure says nothing about the event.
            if not was_open and not isinstance(error, Unavailable):
                passage.attempts += 1
            if self._rules[at].allows(error, passage.attempts):
                self._wait(at, [passage], error)
            else:
                dead.append((passage, error))
        if dead:
            await self._dead_letter(at, dead)

    def _tell(self, at: int, passage: Passage, error: EventError) -> None:
        endpoint = self.endpoints[at]
        if endpoint is not None:
            endpoint.failed(passage.event.id, error)

    def _is_open(self, at: int) -> bool:
        endpoint = self.endpoints[at]
        return endpoint is not None and endpoint.breaker.is_open

    def _wait(self, at: int, batch: list[Passage], error: EventError) -> None:
        endpoint = self.endpoints[at]
        if endpoint is not None and endpoint.breaker.is_open:
            self.waits.park(at, batch, endpoint.breaker.next_probe(error if isinstance(error, Retryable) else None))
            return
        wait = self._backoff(at, batch[0], error)
        self.counts.retried += len(batch)
        self._observer.retrying(self.pipeline, self.stages[at].name, batch, error, wait)
        self.waits.resume_after(wait, batch)

    def _backoff(self, at: int, passage: Passage, error: EventError) -> float:
        if isinstance(error, Retryable):
            return backoff(self._rules[at].retry, passage.tries, error)
        # A batch that was refused is halved at once; one event only where the policy says that it may pass yet.
        return backoff(self._rules[at].retry, passage.tries) if self._rules[at].statuses else 0.0

    async def _dead_letter(self, at: int, dead: Sequence[tuple[Passage, EventError]]) -> None:
        stage = self.stages[at].name
        letters = await self.letters.keep(stage, dead)
        reach("after-dead-letter")
        for letter, (passage, error) in zip(letters, dead, strict=True):
            self._observer.dead_lettered(self.pipeline, stage, passage, error, letter.id)
            self.end([passage], Outcome.DEAD_LETTERED, error)

    def end(self, batch: Sequence[Passage], outcome: Outcome, error: EventError | None = None) -> None:
        """The end of the way: counts the events, and settles the messages of which none is on its way any more."""
        for passage in batch:
            passage.arrival.ended(outcome, passage.event, error)
        self.counts.add(outcome, len(batch))
        if outcome is Outcome.DONE:
            self._observer.delivered(self.pipeline, batch)

    def watch(self) -> None:
        """From now on the endpoints tell this pipeline when they go away and come back."""
        for endpoint, watching in self._watchers:
            endpoint.watch(watching)

    def unwatch(self) -> None:
        for endpoint, watching in self._watchers:
            endpoint.unwatch(watching)

    def opened(self, at: int, reason: str, wait: float) -> None:
        self._observer.paused(self.pipeline, self.stages[at].name, reason)
        self.waits.park(at, [], wait)  # whatever became of the event that failed: somebody has to probe

    def closed(self, at: int) -> None:
        self._observer.resumed(self.pipeline, self.stages[at].name)
        self.waits.unpark(at)


class Watching:
    """What the endpoint of one stage tells."""

    def __init__(self, flow: Flow, at: int) -> None:
        self._flow = flow
        self._at = at

    def opened(self, reason: str, wait: float) -> None:
        self._flow.opened(self._at, reason, wait)

    def closed(self) -> None:
        self._flow.closed(self._at)
