"""Replays: dead letters on their way again, through a durable queue for each pipeline in the store.

The command that replays puts them there, whether the engine runs or not; the pipeline reads them beside its input.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence

from bindings.contract import Clock, Received
from bindings.store import DeadLetter, Message, Store
from engine.event import Event
from engine.faults import reach
from engine.passage import Arrival, Passage, Replay, Settles

_ORIGIN, _STAGE, _REVISION, _FROM_START, _WANTED, _KEY, _RELEASE = (
    f"replay.{name}" for name in ("origin", "stage", "revision", "from_start", "wanted", "key", "release")
)
_OF = "replayOf"  # which letter it was, also for expressions
_SHORTEST_PAUSE = 0.1  # seconds; a fast pace is made of batches, a slow one of single letters


def queue_name(pipeline: str, revision: str | None = None) -> str:
    """That of a pipeline, whichever revision runs, or of one revision; without its hash the beginning of all these."""
    return f"replay/{pipeline}" if revision is None else f"replay/{pipeline}@{revision}"


def message_of(letter: DeadLetter, from_start: bool, *, as_failed: bool = False, release: str | None = None) -> Message:
    """The event as it was when it failed, with all that is needed to go on there or to begin again.

    `as_failed`: only the revision in which it failed may do it, and not the one that runs. `release`: the token of the
    release that it belongs to (engine/parking.py).
    """
    metadata = {
        **letter.metadata,
        _OF: letter.id,
        _ORIGIN: _written(letter.origin),
        _STAGE: letter.stage,
        _REVISION: letter.revision,
        _FROM_START: "true" if from_start else "",
        _WANTED: letter.revision if as_failed else "",
        **({_KEY: letter.key} if letter.key is not None else {}),
        **({_RELEASE: release} if release is not None else {}),
    }
    # Not the letter's id: what fails again keeps that, and may be replayed while the queue still holds this message.
    return Message(_message_id(letter.id), letter.event.data, letter.event.attributes, metadata)


def unpark_message(key: str, release: str) -> Message:
    """What goes behind the letters of a release, through the lane of their key."""
    return Message(_message_id(f"release {release}"), None, {}, {_KEY: key, _RELEASE: release})


def _message_id(text: str) -> str:
    return f"{text} {os.urandom(4).hex()}"


def passage_of(received: Received, revision: str, stages: Sequence[str], settler: Settles) -> Passage:
    """A replayed event goes on from the stage that failed; in another revision, whose stages may be others, it goes
    the whole way again as it came in.
    """
    said, received.metadata = received.metadata, _without_ours(received.metadata)
    origin = _read(said[_ORIGIN]) if _ORIGIN in said else Event({})
    replay = Replay(said.get(_OF, ""), said.get(_RELEASE))
    arrival = Arrival(received, origin, settler, key=said.get(_KEY), replay=replay)
    if not replay.letter:
        return Passage(arrival, origin, len(stages))
    if said.get(_FROM_START) or said[_REVISION] != revision or said[_STAGE] not in stages:
        return Passage(arrival, origin)
    return Passage(arrival, Event(received.attributes, received.data), stages.index(said[_STAGE]))


def wanted_revision(received: Received) -> str:
    """The revision that alone may do a replay; empty where it is the one that runs."""
    return received.metadata.get(_WANTED, "")


def letter_again(received: Received, pipeline: str, error: str, now: float) -> DeadLetter:
    """The dead letter that a replay was, of the same id, for one that cannot be done."""
    said = received.metadata
    return DeadLetter(
        id=said[_OF],
        pipeline=pipeline,
        revision=said[_REVISION],
        stage=said[_STAGE],
        event=Event(received.attributes, received.data),
        origin=_read(said[_ORIGIN]),
        metadata=_without_ours(said),
        error=error,
        status=None,
        body=None,
        attempts=1,
        time=now,
        key=said.get(_KEY),
    )


def _without_ours(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if not name.startswith("replay.")}


def _written(event: Event) -> str:
    # Not as CloudEvents JSON: the data of a dead letter may be what its content type does not allow.
    data = None if event.data is None else base64.b64encode(event.data).decode()
    return json.dumps({"attributes": dict(event.attributes), "data": data})


def _read(text: str) -> Event:
    fields = json.loads(text)
    return Event(fields["attributes"], None if fields["data"] is None else base64.b64decode(fields["data"]))


async def paced(
    pages: AsyncIterator[Sequence[DeadLetter]], rate: float, clock: Clock
) -> AsyncIterator[Sequence[DeadLetter]]:
    """The same letters in small batches, at most `rate` of them a second."""
    size = max(1, int(rate * _SHORTEST_PAUSE))
    due = clock.now()
    async for page in pages:
        for start in range(0, len(page), size):
            await clock.sleep(min(due - clock.now(), size / rate))  # the clock may have been set back
            batch = page[start : start + size]
            yield batch
            due = max(due + len(batch) / rate, clock.now())


class Replays:
    """Replays that may be stopped (cancelled) between two letters; `count` is how many are on their way then."""

    def __init__(self, store: Store, from_start: bool, as_failed: bool = False) -> None:
        self._store = store
        self._from_start = from_start
        self._as_failed = as_failed
        self.count = 0

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        adding = asyncio.ensure_future(self._add(letters))
        try:
            await asyncio.shield(adding)
        except asyncio.CancelledError:
            await adding  # what is begun is done, and counted
            raise

    async def _add(self, letters: Sequence[DeadLetter]) -> None:
        await replay(self._store, letters, self._from_start, self._as_failed)
        self.count += len(letters)


async def replay(store: Store, letters: Sequence[DeadLetter], from_start: bool, as_failed: bool = False) -> None:
    """Sends dead letters on their way again."""
    for pipeline in sorted({letter.pipeline for letter in letters}):
        mine = [letter for letter in letters if letter.pipeline == pipeline]
        messages = [message_of(letter, from_start, as_failed=as_failed) for letter in mine]
        await store.resend([letter.id for letter in mine], queue_name(pipeline), messages, {})
        reach("replay")
