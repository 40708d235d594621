"""Parked keys: while a dead letter waits for a person, so does every later event of its key (`onDeadLetter: park`).

Those become dead letters too, in their order: nothing is held in memory, and the input goes on. A release sends the
letters of a key through the queue of replays, the oldest first, and behind them a message that unparks the key. The
order holds because all of them go through the one lane of the key (`engine/intake.py`):

- A replay of the release passes while the mark of the key carries the release's token. One that fails parks the key
  anew, with another token, so that those behind it become letters again, each under its old id and so at its old place.
- Events that come meanwhile become letters. The message at the end finds them, and sends them in another round.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from bindings.contract import Clock
from bindings.store import DeadLetter, LetterQuery, Store
from engine.errors import DefinitionError, Permanent
from engine.passage import Arrival, Passage
from engine.replay import message_of, queue_name, unpark_message
from engine.retry import KEEP_TRYING, insist
from engine.stages.stage import Verdict
from engine.suggest import close_match

_log = logging.getLogger("jackfield.parking")
_SCOPE = "parked"
_ROUND = 500  # letters of one round of a release


@dataclass(frozen=True, slots=True)
class Parked:
    """`letter` parked the key at `time`; replays with `token` may pass."""

    letter: str
    time: float
    token: str


class Parking:
    """The parked keys of one pipeline, and the stage that ends the events of these keys."""

    name = "park"
    limit = None
    waits = False

    def __init__(self, pipeline: str, store: Store, clock: Clock) -> None:
        self._pipeline = pipeline
        self._store = store
        self._clock = clock
        self._known: dict[str, Parked] | None = None

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        parked = await self._parked()
        return [self._judge(passage, parked.get(passage.arrival.key or "")) for passage in batch]

    @staticmethod
    def _judge(passage: Passage, parked: Parked | None) -> Verdict:
        replay = passage.arrival.replay
        if parked is None or (replay is not None and replay.release in (None, parked.token)):
            return None  # a replay of no release is what a person asked for
        return Permanent(f"its key {passage.arrival.key!r} is parked since dead letter {parked.letter}")

    async def park(self, dead: Sequence[tuple[DeadLetter, Passage]]) -> None:
        """Returns when the keys of these letters are parked durably, however long it takes."""
        parked = await self._parked()
        for letter, passage in dead:
            if letter.key is None:
                continue
            before, replay = parked.get(letter.key), passage.arrival.replay
            if before is None or (replay is not None and replay.release == before.token):
                await self._mark(letter.key, Parked(letter.id, letter.time, os.urandom(4).hex()))

    async def end_release(self, end: Arrival) -> None:
        """All letters of a release went their way: unparks the key, or sends those that were added meanwhile."""
        key, token = end.key or "", (end.replay.release if end.replay is not None else None) or ""
        parked = (await self._parked()).get(key)
        if parked is None or parked.token not in (token, _next(token)):
            return  # one of them failed again
        if await self._store.count_dead_letters(LetterQuery(self._pipeline, key=key)):
            # The token first: this message may be given out again, and must then not unpark before those letters.
            await self._mark(key, Parked(parked.letter, parked.time, _next(token)))
            await _send(self._store, self._pipeline, key, _next(token))
        elif parked.token == token:
            await self._store.drop_marks(_SCOPE, [_mark_key(self._pipeline, key)])
            (await self._parked()).pop(key, None)

    def clear(self) -> None:
        """Another revision may have run meanwhile: what is parked is read again."""
        self._known = None

    async def _parked(self) -> dict[str, Parked]:
        if self._known is None:
            keys = await parked_keys(self._store)
            self._known = {key: parked for (pipeline, key), parked in keys.items() if pipeline == self._pipeline}
        return self._known

    async def _mark(self, key: str, parked: Parked) -> None:
        marks = {_mark_key(self._pipeline, key): json.dumps(asdict(parked))}
        what = f"the key {key!r} could not be parked"
        await insist(partial(self._store.set_marks, _SCOPE, marks), KEEP_TRYING, self._clock, _log, what)
        (await self._parked())[key] = parked


async def parked_keys(store: Store) -> Mapping[tuple[str, str], Parked]:
    """Of all pipelines, by pipeline and key; the oldest first."""
    marks = await store.marks(_SCOPE)
    found = {_pipeline_and_key(mark): Parked(**json.loads(value)) for mark, value in marks.items()}
    return dict(sorted(found.items(), key=lambda one: one[1].time))


async def release(store: Store, pipeline: str, key: str) -> int:
    """Sends the letters of a parked key on their way; the engine unparks it when they are done. Gives their number.

    Raises `DefinitionError` when the key is not parked.
    """
    parked = await parked_keys(store)
    if (pipeline, key) not in parked:
        keys = [one for name, one in parked if name == pipeline]
        hint = close_match(key, keys) or "`jackfield parked list` lists those that are"
        raise DefinitionError(f"no key {key!r} of pipeline {pipeline} is parked", hint=hint)
    return await _send(store, pipeline, key, parked[pipeline, key].token)


async def _send(store: Store, pipeline: str, key: str, token: str) -> int:
    """A crash in the middle repeats some, and loses none. What one round does not take, the next one does."""
    letters = await store.dead_letters(LetterQuery(pipeline, key=key), limit=_ROUND)
    queue = store.queue(queue_name(pipeline))
    replays = [message_of(letter, from_start=False, release=token) for letter in letters]
    await queue.put([*replays, unpark_message(key, token)])
    await store.remove_dead_letters([letter.id for letter in letters])
    await queue.close()
    return len(letters)


def _next(token: str) -> str:
    return f"{token}+"


def _mark_key(pipeline: str, key: str) -> str:
    return f"{pipeline}/{key}"  # a name has no slash


def _pipeline_and_key(mark: str) -> tuple[str, str]:
    pipeline, _, key = mark.partition("/")
    return pipeline, key
