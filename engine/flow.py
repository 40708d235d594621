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
from engine.breaker import Breaker
from engine.dead_letters import DeadLetters
from engine.definitions.pipeline import Delivery, Retry
from engine.errors import EventError, Permanent, Retryable, Unavailable
from engine.event import Event
from engine.observer import Counts, Observer
from engine.passage import Passage
from engine.retry import backoff
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

    `retries`: the policy of each stage that has one of its own; the others have that of `delivery`.
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
        retries: Sequence[Retry | None] = (),
    ) -> None:
        self.pipeline = pipeline
        self.revision = revision
        self.stages = stages
        self.breakers = [Breaker(delivery.circuit_breaker) if stage.waits else None for stage in stages]
        self.counts = counts
        self._retries = [own or delivery.retry for own in retries] or [delivery.retry] * len(stages)
        self._letters = letters
        self._observer = observer
        self.waits: Waits

    async def advance(self, batch: list[Passage]) -> None:
        """Takes a batch, all of it before one stage, from there as far as it goes now."""
        while batch:
            at = batch[0].stage
            if at == len(self.stages):
                self.end(batch, Outcome.DONE)
                return
            stage, breaker = self.stages[at], self.breakers[at]
            if stage.limit is not None and len(batch) > stage.limit:
                batch = self._first_piece(batch, stage.limit)
            if breaker is not None and not breaker.admits():
                self.waits.park(at, batch, 0.0)
                return
            try:
                verdicts = await self._ask(stage, breaker, batch)
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

    @staticmethod
    async def _ask(stage: Stage, breaker: Breaker | None, batch: Sequence[Passage]) -> Sequence[Verdict]:
        if breaker is None:
            return await stage(batch)
        breaker.asked += 1
        try:
            return await stage(batch)
        finally:
            breaker.asked -= 1

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
        if answered:
            self._answered(at)
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
        self._note(at, batch[0], error)
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
            breaker = self.breakers[at]
            was_open = breaker is not None and breaker.is_open
            if not answered:
                self._note(at, passage, error)
            passage.tries += 1
            # While nothing gets an answer, a failure says nothing about the event.
            if not was_open and not isinstance(error, Unavailable):
                passage.attempts += 1
            if isinstance(error, Retryable) and passage.attempts < self._retries[at].max_attempts:
                self._wait(at, [passage], error)
            else:
                dead.append((passage, error))
        if dead:
            await self._dead_letter(at, dead)

    def _note(self, at: int, passage: Passage, error: EventError) -> None:
        """Tells the breaker: a refusal is an answer too."""
        if isinstance(error, Retryable):
            self._not_answered(at, passage, error)
        elif error.status is not None:
            self._answered(at)

    def _wait(self, at: int, batch: list[Passage], error: EventError) -> None:
        breaker = self.breakers[at]
        if breaker is not None and breaker.is_open:
            self.waits.park(at, batch, breaker.next_probe(error if isinstance(error, Retryable) else None))
            return
        wait = backoff(self._retries[at], batch[0].tries, error) if isinstance(error, Retryable) else 0.0
        self.counts.retried += len(batch)
        self._observer.retrying(self.pipeline, self.stages[at].name, batch, error, wait)
        self.waits.resume_after(wait, batch)

    def _answered(self, at: int) -> None:
        breaker = self.breakers[at]
        if breaker is not None and breaker.succeeded():
            self._observer.resumed(self.pipeline, self.stages[at].name)
            self.waits.unpark(at)

    def _not_answered(self, at: int, passage: Passage, error: Retryable) -> None:
        breaker = self.breakers[at]
        if breaker is not None and breaker.failed(passage.event.id, error):
            self._observer.paused(self.pipeline, self.stages[at].name, str(error))
            self.waits.park(at, [], breaker.next_probe(error))  # the event itself may be a dead letter: probe anyway

    async def _dead_letter(self, at: int, dead: Sequence[tuple[Passage, EventError]]) -> None:
        stage = self.stages[at].name
        letters = await self._letters.keep(stage, dead)
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
