"""Parked keys: while a dead letter waits for a person, so does every later event of its key (`onDeadLetter: park`).

Those become dead letters too, in their order: nothing is held in memory, and the input goes on. A release sends the
letters of a key through the queue of replays, the oldest first, and behind them a message that unparks the key. The
order holds because all of them go through the one lane of the key (`engine/intake.py`):

- A replay of the release passes while the mark of the key carries the release's token. One that fails parks the key
  anew, with another token, so that those behind it become letters again, each under its old id and so at its old place.
- Only a letter of the stage `park` meets it again. So a round ends before any other letter that is not its first.
- Events that come meanwhile become letters. The message at the end finds them, and sends them in another round.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile

from bindings.store import DeadLetter, LetterQuery, Store
from engine.errors import DefinitionError, Permanent
from engine.passage import Arrival, Passage
from engine.replay import message_of, queue_name, unpark_message
from engine.stages.stage import Verdict
from engine.suggest import close_match

_SCOPE = "parked"
_ROUND = 500  # letters of one round of a release


@dataclass(frozen=True, slots=True)
class Parked:
    """`letter` parked the key at `time`; replays with `token` may pass. `released`: they are on their way."""

    letter: str
    time: float
    token: str
    released: bool = False


class Parking:
    """The parked keys of one pipeline, and the stage that ends the events of these keys.

    `parks`: whether a dead letter parks its key; otherwise only keys are known that an earlier revision has parked.
    """

    name = "park"
    limit = None
    waits = False

    def __init__(self, pipeline: str, store: Store, parks: bool) -> None:
        self._pipeline = pipeline
        self._store = store
        self._parks = parks
        self._known: dict[str, Parked] | None = None
        self._marks = asyncio.Lock()  # what is read must not hide what is written meanwhile

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        parked = await self._parked([passage.arrival for passage in batch])
        return [self._judge(passage, parked.get(passage.arrival.key or "")) for passage in batch]

    @staticmethod
    def _judge(passage: Passage, parked: Parked | None) -> Verdict:
        arrival = passage.arrival
        if parked is None or arrival.release == parked.token or (arrival.replay is not None and not arrival.release):
            return None  # a replay of no release is what a person asked for
        return Permanent(f"its key {passage.arrival.key!r} is parked since dead letter {parked.letter}")

    async def park(self, dead: Sequence[tuple[DeadLetter, Passage]]) -> None:
        """Returns when the keys of these letters are parked durably; may be done again after an error."""
        for letter, passage in dead:
            if letter.key is None:
                continue
            before = (await self._parked([passage.arrival])).get(letter.key)
            fails_again = before is not None and before.token == passage.arrival.release
            if fails_again or (before is None and self._parks):
                await self._mark(letter.key, Parked(letter.id, letter.time, _new_token()))

    async def end_release(self, end: Arrival) -> None:
        """All letters of a release went their way: unparks the key, or sends those that were added meanwhile."""
        key, parked = end.key or "", await self._parked([end])
        if key not in parked or parked[key].token != end.release:
            return  # one of them failed again, or another release came later
        if await self._store.count_dead_letters(LetterQuery(self._pipeline, key=key)):
            await _send(self._store, self._pipeline, key, parked[key])
            self.clear()
        else:
            await self._unmark(key)

    def clear(self) -> None:
        """Another revision may have run meanwhile: what is parked is read again."""
        self._known = None

    async def _parked(self, of: Sequence[Arrival]) -> dict[str, Parked]:
        """Read anew where one of these meets a parked key, or is of a release: a command may have begun that one, and
        another engine may have ended the last.
        """
        known = self._known
        if known is None or any(arrival.key in known or arrival.release for arrival in of):
            async with self._marks:
                keys = await parked_keys(self._store)
                known = {key: parked for (pipeline, key), parked in keys.items() if pipeline == self._pipeline}
                self._known = known
        return known

    async def _mark(self, key: str, parked: Parked) -> None:
        async with self._marks:
            await self._store.set_marks(_SCOPE, {_mark_key(self._pipeline, key): json.dumps(asdict(parked))})
            if self._known is not None:
                self._known[key] = parked

    async def _unmark(self, key: str) -> None:
        async with self._marks:
            await self._store.drop_marks(_SCOPE, [_mark_key(self._pipeline, key)])
            if self._known is not None:
                self._known.pop(key, None)


async def parked_keys(store: Store) -> Mapping[tuple[str, str], Parked]:
    """Of all pipelines, by pipeline and key; the oldest first."""
    marks = await store.marks(_SCOPE)
    found = {_pipeline_and_key(mark): Parked(**json.loads(value)) for mark, value in marks.items()}
    return dict(sorted(found.items(), key=lambda one: one[1].time))


async def release(store: Store, pipeline: str, key: str) -> int:
    """Sends the letters of a parked key on their way; the engine unparks it when they are done. Gives their number:
    none where a release is on its way already, which takes along what came meanwhile.

    Raises `DefinitionError` when the key is not parked.
    """
    parked = await parked_keys(store)
    if (pipeline, key) not in parked:
        keys = [one for name, one in parked if name == pipeline]
        hint = close_match(key, keys) or "`jackfield parked list` lists those that are"
        raise DefinitionError(f"no key {key!r} of pipeline {pipeline} is parked", hint=hint)
    if parked[pipeline, key].released:
        return 0
    return await _send(store, pipeline, key, parked[pipeline, key])


async def _send(store: Store, pipeline: str, key: str, parked: Parked) -> int:
    """Under a new token, so that what is left of a former release stops. What a round does not take, the next does."""
    waiting = await store.dead_letters(LetterQuery(pipeline, key=key), limit=_ROUND)
    letters = [*waiting[:1], *takewhile(lambda letter: letter.stage == Parking.name, waiting[1:])]
    token = _new_token()
    replays = [message_of(letter, from_start=False, release=token) for letter in letters]
    mark = json.dumps(asdict(replace(parked, token=token, released=True)))
    await store.resend(
        [letter.id for letter in letters],
        queue_name(pipeline),
        [*replays, unpark_message(key, token)],
        {_SCOPE: {_mark_key(pipeline, key): mark}},
    )
    return len(letters)


def _new_token() -> str:
    return os.urandom(4).hex()


def _mark_key(pipeline: str, key: str) -> str:
    return f"{pipeline}/{key}"  # a name has no slash


def _pipeline_and_key(mark: str) -> tuple[str, str]:
    pipeline, _, key = mark.partition("/")
    return pipeline, key
