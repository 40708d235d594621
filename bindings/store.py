"""The contract of a store: where the engine keeps what must survive it.

A store is found by the scheme of its URL (entry points, group `jackfield.stores`) and made with
`Store(url, clock)`. Whatever a method writes is durable when it returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from engine.event import Attribute, Event

if TYPE_CHECKING:
    from bindings.contract import Received, Settled


@dataclass(slots=True)
class Message:
    """What goes into a durable queue. A message whose `id` the queue already holds is not added again."""

    id: str
    data: bytes | None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


class DurableQueue(Protocol):
    """First in, first out, at least once; several readers share it."""

    async def put(self, messages: Sequence[Message]) -> None: ...
    async def read(self, limit: int) -> Sequence[Received]: ...  # as InputBinding.read
    async def settle(self, settled: Sequence[Settled]) -> None: ...  # as InputBinding.settle
    async def close(self) -> None: ...


@dataclass(slots=True)
class DeadLetter:
    """An event that could not be delivered, kept with its history until a person replays or discards it."""

    id: str
    pipeline: str
    revision: str
    stage: str  # where it failed: `steps[1].call`, `outputs[0]`
    event: Event  # as it was when it failed
    origin: Event  # as it came in
    metadata: Mapping[str, str]
    error: str
    status: int | None
    body: bytes | None
    attempts: int
    time: float  # seconds since the epoch
    key: str | None = None  # of the events that are done one after the other; None where there is no order


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """Which dead letters: all that meet every condition that is given."""

    pipeline: str | None = None
    since: float | None = None  # seconds since the epoch, inclusive
    until: float | None = None  # exclusive
    error: str | None = None  # a part of the error, in upper or lower case
    key: str | None = None


ALL_LETTERS = LetterQuery()


class Store(Protocol):
    # Makes a new one where there is none, unless it must exist: then `DefinitionError`.
    async def open(self, *, must_exist: bool = False) -> None: ...
    async def close(self) -> None: ...

    def queue(self, name: str) -> DurableQueue: ...
    async def queues(self, prefix: str) -> Sequence[str]: ...  # of that beginning, those that hold a message

    async def marks(self, scope: str) -> dict[str, str]: ...
    async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None: ...
    async def drop_marks(self, scope: str, keys: Sequence[str]) -> None: ...

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None: ...
    async def dead_letters(
        self, which: LetterQuery = ALL_LETTERS, *, after: str = "", limit: int = 100
    ) -> Sequence[DeadLetter]: ...  # oldest first; `after`: the id of the last one of the page before
    async def dead_letter(self, id: str) -> DeadLetter | None: ...
    async def change_dead_letter(self, letter: DeadLetter) -> bool: ...  # its event and origin; False: it is gone
    async def remove_dead_letters(self, ids: Sequence[str]) -> int: ...
    # In one transaction: takes the letters out, puts messages into a queue of this store, sets marks (by their scope).
    async def resend(
        self, letters: Sequence[str], queue: str, messages: Sequence[Message], marks: Mapping[str, Mapping[str, str]]
    ) -> None: ...
    async def count_dead_letters(self, which: LetterQuery = ALL_LETTERS) -> int: ...

    # The ledger of deduplication, in two phases: claimed when an event starts, committed when all its effects are
    # confirmed. Only what is committed is a duplicate, so that a crash in between repeats an event and never drops it.
    # `claim` gives for each key whether it was committed at `since` or later; the others are claimed by it.
    async def claim(self, scope: str, keys: Sequence[str], now: float, since: float) -> Sequence[bool]: ...
    async def commit(self, scope: str, keys: Sequence[str], now: float) -> None: ...
    # Forgets keys of before `before`, and the oldest beyond `most`; gives how many it forgot.
    async def sweep(self, scope: str, before: float, most: int) -> int: ...

    # What the store holds, by a name for a person: rows, and bytes where the name ends in `bytes`.
    async def stats(self) -> Mapping[str, int]: ...
    # A whole and consistent copy that can be opened as a store, made while the store is in use.
    # Raises `DefinitionError` when there is something at `path` already.
    async def backup(self, path: str) -> None: ...
