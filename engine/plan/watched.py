"""A stage while somebody looks: what it made of which events, and what it wanted to be sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bindings.contract import Outcome
from engine.errors import EventError
from engine.event import Event
from engine.passage import Passage
from engine.plan.record import Performed, Record, Request
from engine.plan.unanswered import NeedsAnswer, Unanswered
from engine.stages.stage import Stage, Verdict

DEPENDS = "depends on the app's answer"
"""The note of a passage that may end otherwise than the plan has it."""


class Effect(StrEnum):
    """What became of an event at a stage."""

    PASSED = "passed"
    CHANGED = "changed"
    SPLIT = "split"
    FILTERED = "filtered"
    LEFT_OUT = "left out"  # its `when` is not true
    ASKED = "asked"  # the request is known, and the answer is not
    UNKNOWN = "unknown"  # it depends on an answer
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Look:
    before: Event
    effect: Effect
    after: Sequence[Event]
    error: EventError | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of one stage, with a batch."""

    stage: str
    looks: Sequence[Look]
    requests: Sequence[Request]
    performed: Sequence[Performed]


class Watched:
    """Does what the stage does. Where that depends on an answer, the event goes on as one of which little is known."""

    waits = False  # nobody is asked, so that no breaker is needed

    def __init__(self, stage: Stage, record: Record, report: Callable[[Turn], None]) -> None:
        self.name = stage.name
        self.limit = stage.limit
        self._stage = stage
        self._record = record
        self._report = report

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        before = [passage.event for passage in batch]
        raised: EventError | None = None
        try:
            verdicts = await self._stage(batch)
        except EventError as error:
            raised, verdicts = error, [error for _ in batch]
        requests, performed = self._record.take()
        looks = [_look(event, verdict, bool(requests)) for event, verdict in zip(before, verdicts, strict=True)]
        for passage, look in zip(batch, looks, strict=True):
            if look.effect in (Effect.ASKED, Effect.UNKNOWN):
                passage.notes.append(DEPENDS)
        self._report(Turn(self.name, looks, requests, performed))
        if raised is not None and not isinstance(raised, NeedsAnswer):
            raise raised
        return [
            look.after[0] if isinstance(verdict, NeedsAnswer) else verdict
            for look, verdict in zip(looks, verdicts, strict=True)
        ]


def _look(event: Event, verdict: Verdict, asked: bool) -> Look:
    if verdict is None:
        return Look(event, Effect.LEFT_OUT, [event])
    if isinstance(verdict, NeedsAnswer):
        return Look(event, Effect.ASKED if asked else Effect.UNKNOWN, [Unanswered(event.attributes)])
    if isinstance(verdict, EventError):
        return Look(event, Effect.FAILED, [], verdict)
    if isinstance(verdict, list):
        return Look(event, Effect.SPLIT, verdict)
    if verdict is Outcome.FILTERED:
        return Look(event, Effect.FILTERED, [])
    return Look(event, Effect.PASSED if verdict == event else Effect.CHANGED, [verdict])
