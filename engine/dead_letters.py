"""Makes dead letters, and makes sure that they are durable before anything else happens to their events."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from bindings.contract import Clock
from bindings.store import DeadLetter, Store
from engine.definitions.pipeline import Retry
from engine.errors import EventError
from engine.event import Event
from engine.passage import Passage
from engine.retry import Insistence

_log = logging.getLogger("jackfield.dead_letters")
_RETRY = Retry(initial=0.2, max=10.0)


def letter_id(now: float) -> str:
    """Sorts by time, to the microsecond; the random end keeps two of one instant apart."""
    return f"{int(now * 1e6):016x}-{os.urandom(4).hex()}"


def letter_of(passage: Passage, pipeline: str, revision: str, stage: str, error: EventError, now: float) -> DeadLetter:
    return DeadLetter(
        id=letter_id(now),
        pipeline=pipeline,
        revision=revision,
        stage=stage,
        event=passage.event,
        origin=passage.arrival.origin,
        metadata=passage.metadata,
        error=str(error),
        status=error.status,
        body=error.body,
        attempts=max(passage.attempts, 1),
        time=now,
    )


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


class Keeper:
    """Of dead letters."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._insistence = Insistence(_RETRY, clock, _log)

    @property
    def problem(self) -> str:
        """Why dead letters cannot be stored, or an empty text."""
        return self._insistence.problem

    async def keep(self, letters: Sequence[DeadLetter]) -> None:
        """Returns when the letters are durable, however long it takes: until then their messages are not settled."""
        what = f"{len(letters)} dead letters could not be stored"
        await self._insistence.on(partial(self._store.add_dead_letters, letters), what)
