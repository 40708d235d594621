"""Makes dead letters, and makes sure that they are durable before anything else happens to their events."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from bindings.contract import Clock
from bindings.store import DeadLetter, Store
from engine.errors import EventError
from engine.event import Event
from engine.letter_ids import LetterIds
from engine.parking import Parking
from engine.passage import Passage
from engine.retry import KEEP_TRYING, Insistence

_log = logging.getLogger("jackfield.dead_letters")


class LetterOutput(Protocol):
    """Another place for dead letters than the store; gives back those that it could not take."""

    async def send(self, letters: Sequence[DeadLetter]) -> Sequence[DeadLetter]: ...


class DeadLetters:
    """Where the events of one revision of a pipeline end that cannot be delivered."""

    def __init__(
        self,
        pipeline: str,
        revision: str,
        store: Store,
        clock: Clock,
        parking: Parking | None = None,
        output: LetterOutput | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._revision = revision
        self._store = store
        self._clock = clock
        self._parking = parking
        self._output = output
        self._insistence = Insistence(KEEP_TRYING, clock, _log)
        self._ids = LetterIds(pipeline, store, clock)

    @property
    def problem(self) -> str:
        """Why dead letters cannot be kept, or an empty text."""
        return self._insistence.problem

    async def keep(self, stage: str, dead: Sequence[tuple[Passage, EventError]]) -> Sequence[DeadLetter]:
        """Returns when a letter of each is durable, however long it takes: until then no message is settled."""
        what = f"{len(dead)} dead letters could not be stored"
        await self._insistence.on(partial(self._ids.reserve, len(dead)), what)
        letters = [self._letter(stage, passage, error) for passage, error in dead]
        left = letters if self._output is None else await self._output.send(letters)
        if left:
            await self._insistence.on(partial(self._store.add_dead_letters, left), what)
        if self._parking is not None:
            parked = [(letter, passage) for letter, (passage, _) in zip(letters, dead, strict=True)]
            what = f"the keys of {len(parked)} dead letters could not be parked"
            await self._insistence.on(partial(self._parking.park, parked), what)
        return letters

    def _letter(self, stage: str, passage: Passage, error: EventError) -> DeadLetter:
        arrival = passage.arrival
        return DeadLetter(
            id=self._id(passage),
            pipeline=self._pipeline,
            revision=self._revision,
            stage=stage,
            event=passage.event,
            origin=arrival.origin,
            metadata=passage.metadata,
            error=str(error),
            status=error.status,
            body=error.body,
            attempts=max(passage.attempts, 1),
            time=self._clock.now(),
            key=arrival.key,
        )

    def _id(self, passage: Passage) -> str:
        """What fails again stays the letter that it was; its parts come at its place among those of its key."""
        replay = passage.arrival.replay
        if replay is None:
            return self._ids.new()
        return f"{replay.letter}-{self._ids.new()}" if passage.forked else replay.letter


def edited(letter: DeadLetter, data: bytes, origin: bool = False) -> DeadLetter:
    """The letter with other data where it failed, or (`origin`) as it came in: in both where no step had changed it.

    Raises `Permanent` when the data is not what the content type says.
    """
    same = letter.event.data == letter.origin.data
    event = letter.event if origin and not same else _with_data(letter.event, data)
    return replace(letter, event=event, origin=_with_data(letter.origin, data) if origin or same else letter.origin)


def _with_data(event: Event, data: bytes) -> Event:
    changed = Event({name: value for name, value in event.attributes.items() if name != "dataref"}, data)
    _ = changed.value
    return changed
