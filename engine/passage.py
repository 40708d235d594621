"""What is on its way: an `Arrival` is one received message, a `Passage` one event of it (`split` makes several)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bindings.contract import Outcome, Received, Settled
from engine.errors import EventError
from engine.event import Event

_WEIGHT = {Outcome.FILTERED: 0, Outcome.DONE: 1, Outcome.DEAD_LETTERED: 2, Outcome.RELEASED: 3}


class Settles(Protocol):
    def add(self, settled: Settled) -> None: ...


@dataclass(frozen=True, slots=True)
class Replay:
    """A dead letter on its way again. `release`: the token of the release of a parked key that it belongs to.

    Without a `letter` it is the message at the end of a release: no event, it only takes its turn in the key's lane.
    """

    letter: str
    release: str | None = None


@dataclass(slots=True)
class Arrival:
    """A received message, and what became of its events so far. It is settled when none is open."""

    received: Received
    origin: Event
    settler: Settles
    open: int = 1
    outcome: Outcome = Outcome.FILTERED
    results: list[Event] = field(default_factory=list)
    error: EventError | None = None
    refused: EventError | None = None  # why it cannot go on its way at all
    key: str | None = None  # of the events that are done one after the other
    replay: Replay | None = None  # where it comes from, when a person sent it on its way again

    @property
    def release(self) -> str | None:
        """The token of the release that it belongs to."""
        return self.replay.release if self.replay is not None else None

    @property
    def ends_release(self) -> bool:
        return self.replay is not None and not self.replay.letter

    def ended(self, outcome: Outcome, event: Event, error: EventError | None) -> None:
        """Counts one event as ended; settles the message when it was the last.

        Of several outcomes the heaviest counts: one event released means that the whole message comes again.
        """
        self.open -= 1
        if _WEIGHT[outcome] > _WEIGHT[self.outcome]:
            self.outcome = outcome
        if outcome is Outcome.DONE:
            self.results.append(event)
        self.error = error or self.error
        if self.open == 0:
            self.settler.add(Settled(self.received, self.outcome, self.results, self.error))


@dataclass(slots=True)
class Passage:
    """One event on its way, standing before the stage of index `stage`.

    `attempts` counts the failures at this stage that were the event's own, `tries` all of them: the first is what
    `maxAttempts` limits, the second what the backoff grows with. `notes` say what happened, for a person.
    """

    arrival: Arrival
    event: Event
    stage: int = 0
    attempts: int = 0
    tries: int = 0
    notes: list[str] = field(default_factory=list)
    forked: bool = False  # one of several events of one message

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.arrival.received.metadata

    def move_on(self, event: Event) -> None:
        self.event = event
        self.stage += 1
        self.attempts = self.tries = 0

    def fork(self, events: Sequence[Event]) -> list[Passage]:
        """The passages of the events that one became, before the next stage; together they stand for this one."""
        self.arrival.open += len(events) - 1
        return [Passage(self.arrival, event, self.stage + 1, notes=list(self.notes), forked=True) for event in events]
