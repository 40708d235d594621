"""The shape of a stage, and the stages that need no one else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from bindings.contract import Clock, Outcome
from engine.errors import EventError
from engine.event import Event
from engine.expressions import Scope
from engine.passage import Passage

Verdict: TypeAlias = Event | list[Event] | Literal[Outcome.FILTERED] | EventError | None
"""What a stage says of one event: go on as this event, as these events, end here, or it failed; None: it goes on as it
is, and the other party was not asked, so that nothing is known of it.
"""


class Stage(Protocol):
    """`limit`: the most events of one call, None for any number. `waits`: whether another party is asked, so that
    it has a breaker. A stage that raises an `EventError` failed for the batch as a whole; an error that it returns
    is that event's own.
    """

    @property
    def name(self) -> str: ...  # as in the definition: `steps[1].call`
    @property
    def limit(self) -> int | None: ...
    @property
    def waits(self) -> bool: ...

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What expressions see beside the event: the listed environment variables and the time."""

    env: Mapping[str, str]
    clock: Clock

    def scope(self, passage: Passage) -> Scope:
        return Scope(passage.event, passage.metadata, self.env, self.clock.now())


class EachEvent:
    """A stage that looks at one event at a time and asks nobody."""

    limit = None
    waits = False

    def __init__(self, name: str, judge: Callable[[Passage], Verdict]) -> None:
        self.name = name
        self._judge = judge

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        return [self._safely(passage) for passage in batch]

    def _safely(self, passage: Passage) -> Verdict:
        try:
            return self._judge(passage)
        except EventError as error:
            return error
