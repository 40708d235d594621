"""New objects of a place, such as the files of a folder or the objects of a bucket, as events.

`ObjectInput` remembers in the store which versions are finished, and gives out all others. It looks at the place page
by page, and turns a page only when the one before is used up: however much is there, one page is in memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from mimetypes import MimeTypes
from typing import Generic, Literal, Protocol, TypeVar

from bindings.contract import Context, Outcome, Received, Settled

BYTES_TYPE = "application/octet-stream"
_UNKNOWN = (BYTES_TYPE, "binary/octet-stream")
_BYTES_AT_ONCE = 32 * 2**20
_types = MimeTypes()  # those of Python, which are the same on every machine


class Version(Protocol):
    """One version of an object, as a look shows it. The etag changes whenever the object does."""

    @property
    def key(self) -> str: ...
    @property
    def etag(self) -> str: ...
    @property
    def size(self) -> int: ...  # bytes
    @property
    def modified(self) -> float: ...  # seconds since the epoch


V = TypeVar("V", bound=Version)


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    ready: Sequence[V]  # what may be taken, in the order in which it is to be given out
    keys: Collection[str]  # of all that is there, to be taken or not
    end: str | None = None  # where the next page begins; None: this was the last one
    closed: Sequence[str] = ()  # beginnings of keys that could not be looked at


@dataclass(frozen=True, slots=True)
class Fetched(Generic[V]):
    """What is in neither is gone, or changed since it was seen: the next look finds it."""

    received: Sequence[Received] = ()  # with the version as `handle`
    unreadable: Sequence[V] = ()  # left out until they change; the place has said so


class Place(Protocol[V]):
    # `DefinitionError` or `NotReady`. After it, until `close`, the rest may be called.
    async def open(self) -> None: ...

    # From the beginning, or from where a page ended: a page's `end`, or a key. `NotReady`.
    async def page(self, start: str | None) -> Page[V]: ...

    # Safe to cancel. `NotReady` when the place does not answer.
    async def fetch(self, versions: Sequence[V]) -> Fetched[V]: ...

    # What is to be done with those whose events are done. Gives those that are not there any more, or not as they
    # were: they need no mark. When it raises, it is called again with the same.
    async def finish(self, versions: Sequence[V]) -> Sequence[V]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Habits:
    """How a place is looked at."""

    scope: str  # of the marks in the store
    poll_interval: float  # seconds between two looks
    max_inline_size: int  # bytes; the data of larger ones are not fetched
    # Seconds. Given, keys grow with time: a look begins behind the last key before which all are finished, and were
    # so much longer ago modified.
    look_back: float | None = None


class ObjectInput(Generic[V]):
    redelivery: Literal["native", "store", "none"] = "native"

    def __init__(self, place: Place[V], habits: Habits, context: Context) -> None:
        self._place = place
        self._habits = habits
        self._clock = context.clock
        self._store = context.store
        self._marks: dict[str, str] = {}  # key -> etag of the version that needs no attention
        self._in_flight: set[str] = set()  # keys; two versions of an object are never out at once
        self._ready: deque[V] = deque()
        self._released = asyncio.Event()
        self._look = Look()
        self._begin: str | None = None
        self._passed: deque[V] = deque()  # what the look showed behind its beginning

    async def open(self) -> None:
        await self._place.open()
        self._marks = await self._store.marks(self._habits.scope)
        self._begin = (await self._store.marks(self._begin_scope)).get("key") if self._looks_back else None
        self._in_flight.clear()  # what a former life gave out and did not settle is given out again
        self._ready.clear()
        self._look = self._new_look()
        await self._turn_page()

    async def read(self, limit: int) -> Sequence[Received]:
        while True:
            while self._ready:
                if received := await self._take(limit):
                    return received
            if self._look.is_over:
                await self._pause()
            if not self._ready:
                await self._turn_page()

    async def settle(self, settled: Sequence[Settled]) -> None:
        released = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        finished: list[V] = [one.received.handle for one in settled if one.outcome is not Outcome.RELEASED]
        done: list[V] = [one.received.handle for one in settled if one.outcome is Outcome.DONE]
        marks = {version.key: version.etag for version in finished}
        for version in await self._place.finish(done):
            marks.pop(version.key, None)
        await self._store.set_marks(self._habits.scope, marks)
        self._marks.update(marks)
        self._in_flight.difference_update(one.received.handle.key for one in settled)
        self._ready.extendleft(reversed(released))
        if released:
            self._released.set()

    async def close(self) -> None:
        await self._place.close()

    @property
    def _looks_back(self) -> bool:
        return self._habits.look_back is not None

    @property
    def _begin_scope(self) -> str:
        return f"{self._habits.scope}/begin"

    def _new_look(self) -> Look:
        self._passed.clear()
        return Look(next=self._begin, unseen=set(self._marks))

    async def _turn_page(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()  # the clock may be set meanwhile
        await self._advance()
        if self._look.is_over:
            self._look = self._new_look()
        look = self._look
        page = await self._place.page(look.next)
        look.took += loop.time() - start
        look.unseen.difference_update(page.keys)
        look.closed += page.closed
        look.next, look.is_over = page.end, page.end is None
        self._ready.extend(version for version in page.ready if self._marks.get(version.key) != version.etag)
        if self._looks_back:
            self._passed.extend(page.ready)
        if look.is_over:
            await self._forget([key for key in look.unseen if not key.startswith(tuple(look.closed))])
            look.unseen.clear()

    async def _advance(self) -> None:
        """Later looks begin behind what is finished, and was modified long ago."""
        if self._habits.look_back is None:
            return
        until = self._clock.now() - self._habits.look_back
        behind = []
        while self._passed:
            first = self._passed[0]
            if first.modified >= until or self._marks.get(first.key) != first.etag:
                break
            behind.append(self._passed.popleft().key)
        if behind:
            self._begin = behind[-1]
            await self._store.set_marks(self._begin_scope, {"key": self._begin})
            await self._forget(behind)

    async def _forget(self, keys: Sequence[str]) -> None:
        if keys:
            await self._store.drop_marks(self._habits.scope, keys)
            for key in keys:
                self._marks.pop(key, None)

    async def _pause(self) -> None:
        """Until it is time for the next look, or an object was given back."""
        # However much is there, four fifths of the time are left to others.
        pause = max(self._habits.poll_interval, 4 * self._look.took)
        self._released.clear()
        waits = [
            asyncio.ensure_future(self._clock.sleep(pause)),
            asyncio.ensure_future(self._released.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _take(self, limit: int) -> Sequence[Received]:
        versions = self._choose(limit)
        fetched: Fetched[V] = Fetched()
        try:
            if versions:
                fetched = await self._place.fetch(versions)
        except BaseException:
            self._ready.extendleft(reversed(versions))
            raise
        finally:
            out = {one.handle.key for one in fetched.received}
            self._in_flight.difference_update({version.key for version in versions} - out)
        self._marks.update({version.key: version.etag for version in fetched.unreadable})
        return fetched.received

    def _choose(self, limit: int) -> list[V]:
        chosen: list[V] = []
        size = 0
        while self._ready and len(chosen) < limit and size < _BYTES_AT_ONCE:
            version = self._ready.popleft()
            if version.key not in self._in_flight and self._marks.get(version.key) != version.etag:
                self._in_flight.add(version.key)
                chosen.append(version)
                size += version.size if version.size <= self._habits.max_inline_size else 0
        return chosen


def content_type_of(key: str, said: str = "") -> str:
    """`said` is what the place says; where that says nothing, the end of the key decides."""
    if said and said not in _UNKNOWN:
        return said
    guessed, encoding = _types.guess_type(key)
    return guessed if guessed and not encoding else BYTES_TYPE


@dataclass(slots=True)
class Look:
    """One look at all that is there, as far as it has come."""

    next: str | None = None
    is_over: bool = False
    unseen: set[str] = field(default_factory=set)  # keys of marks whose objects did not come by
    closed: list[str] = field(default_factory=list)
    took: float = 0.0  # seconds


async def waiting(place: Place[V], marks: Mapping[str, str], limit: int) -> Sequence[Received]:
    """What an input would give out next, of a place that is open; for `peek`."""
    versions: list[V] = []
    start = None
    while len(versions) < limit:
        page = await place.page(start)
        versions += [version for version in page.ready if marks.get(version.key) != version.etag]
        if page.end is None:
            break
        start = page.end
    return (await place.fetch(versions[:limit])).received
