"""What a pipeline tells of itself while it runs: counts for the summary, and one call a notable thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bindings.contract import Outcome
from engine.errors import EventError
from engine.passage import Passage


@dataclass(slots=True)
class Counts:
    """Events of one pipeline since it was first started; `retried` counts tries, the others events."""

    read: int = 0
    delivered: int = 0
    filtered: int = 0
    retried: int = 0
    dead_lettered: int = 0
    released: int = 0

    def add(self, outcome: Outcome, events: int) -> None:
        if outcome is Outcome.DONE:
            self.delivered += events
        elif outcome is Outcome.FILTERED:
            self.filtered += events
        elif outcome is Outcome.DEAD_LETTERED:
            self.dead_lettered += events
        else:
            self.released += events


class Observer(Protocol):
    """Called on the event loop; must not wait."""

    def delivered(self, pipeline: str, batch: Sequence[Passage]) -> None: ...
    def filtered(self, pipeline: str, passage: Passage) -> None: ...
    def retrying(self, pipeline: str, stage: str, batch: Sequence[Passage], error: EventError, wait: float) -> None: ...
    def dead_lettered(self, pipeline: str, stage: str, passage: Passage, error: EventError, letter: str) -> None: ...
    def paused(self, pipeline: str, stage: str, reason: str) -> None: ...
    def resumed(self, pipeline: str, stage: str) -> None: ...
