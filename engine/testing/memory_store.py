"""The store in memory: what tests of pipelines, and the engine's own, run on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bindings.contract import Outcome, Received, Settled
from bindings.store import ALL_LETTERS, DeadLetter, DurableQueue, LetterQuery, Message
from engine.errors import DefinitionError


class MemoryStore:
    """bindings/store.py's `Store`, as durable as the object."""

    def __init__(self) -> None:
        self._marks: dict[str, dict[str, str]] = {}
        self._letters: dict[str, DeadLetter] = {}
        self._ledger: dict[str, dict[str, Entry]] = {}
        self._queues: dict[str, Backlog] = {}

    async def open(self, *, must_exist: bool = False) -> None:
        pass

    async def close(self) -> None:
        pass

    def queue(self, name: str) -> DurableQueue:
        return MemoryQueue(self._queues.setdefault(name, Backlog()))

    async def queues(self, prefix: str) -> Sequence[str]:
        return [name for name, backlog in self._queues.items() if name.startswith(prefix) and backlog.ids]

    async def marks(self, scope: str) -> dict[str, str]:
        return dict(self._marks.get(scope, {}))

    async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
        self._marks.setdefault(scope, {}).update(marks)

    async def drop_marks(self, scope: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._marks.get(scope, {}).pop(key, None)

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            self._letters.setdefault(letter.id, letter)

    async def dead_letters(
        self, which: LetterQuery = ALL_LETTERS, *, after: str = "", limit: int = 100
    ) -> Sequence[DeadLetter]:
        rest = [self._letters[id] for id in sorted(self._letters) if id > after]
        return [letter for letter in rest if _meets(letter, which)][:limit]

    async def dead_letter(self, id: str) -> DeadLetter | None:
        return self._letters.get(id)

    async def change_dead_letter(self, letter: DeadLetter) -> bool:
        if kept := self._letters.get(letter.id):
            self._letters[letter.id] = replace(kept, event=letter.event, origin=letter.origin)
        return kept is not None

    async def remove_dead_letters(self, ids: Sequence[str]) -> int:
        return sum(self._letters.pop(id, None) is not None for id in ids)

    async def resend(
        self, letters: Sequence[str], queue: str, messages: Sequence[Message], marks: Mapping[str, Mapping[str, str]]
    ) -> None:
        for id in letters:
            self._letters.pop(id, None)
        await self.queue(queue).put(messages)
        for scope, of_scope in marks.items():
            await self.set_marks(scope, of_scope)

    async def count_dead_letters(self, which: LetterQuery = ALL_LETTERS) -> int:
        return sum(_meets(letter, which) for letter in self._letters.values())

    async def claim(self, scope: str, keys: Sequence[str], now: float, since: float) -> Sequence[bool]:
        kept = self._ledger.setdefault(scope, {})
        committed = [key in kept and kept[key].committed and kept[key].time >= since for key in keys]
        kept.update({key: Entry(now) for key, done in zip(keys, committed, strict=True) if not done})
        return committed

    async def commit(self, scope: str, keys: Sequence[str], now: float) -> None:
        self._ledger.setdefault(scope, {}).update({key: Entry(now, committed=True) for key in keys})

    async def sweep(self, scope: str, before: float, most: int) -> int:
        kept = self._ledger.get(scope, {})
        newest = sorted(kept, key=lambda key: kept[key].time, reverse=True)[:most]
        self._ledger[scope] = {key: kept[key] for key in newest if kept[key].time >= before}
        return len(kept) - len(self._ledger[scope])

    async def stats(self) -> Mapping[str, int]:
        return {
            "dead letters": len(self._letters),
            "deduplication keys": sum(map(len, self._ledger.values())),
            "marks": sum(map(len, self._marks.values())),
        }

    async def backup(self, path: str) -> None:
        raise DefinitionError("a store in memory cannot be copied to a file", hint="use one that is in a file")


@dataclass(frozen=True)
class Entry:
    """A key of the ledger: claimed, or committed, at a time."""

    time: float
    committed: bool = False


def _meets(letter: DeadLetter, which: LetterQuery) -> bool:
    return (
        which.pipeline in (None, letter.pipeline)
        and (which.since is None or letter.time >= which.since)
        and (which.until is None or letter.time < which.until)
        and (which.error or "").casefold() in letter.error.casefold()
        and which.key in (None, letter.key)
    )


class Backlog:
    """What the readers of one queue share: what waits, what is out, and the event that wakes them."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.waiting: deque[Received] = deque()
        self.came = asyncio.Event()

    def give_back(self, messages: Sequence[Received]) -> None:
        for message in reversed(messages):
            self.waiting.appendleft(
                Received(message.id, message.data, message.attributes, message.metadata, message.attempt + 1)
            )
        self.came.set()


class MemoryQueue:
    """One reader and writer of a durable queue."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._out: dict[str, Received] = {}

    async def put(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.id not in self._backlog.ids:
                self._backlog.ids.add(message.id)
                self._backlog.waiting.append(
                    Received(message.id, message.data, dict(message.attributes), dict(message.metadata))
                )
        self._backlog.came.set()

    async def read(self, limit: int) -> Sequence[Received]:
        while not self._backlog.waiting:
            self._backlog.came.clear()
            await self._backlog.came.wait()
        batch = [self._backlog.waiting.popleft() for _ in range(min(limit, len(self._backlog.waiting)))]
        self._out.update({message.id: message for message in batch})
        return [replace(message) for message in batch]  # what the reader does with it does not change the queue's

    async def settle(self, settled: Sequence[Settled]) -> None:
        known = [(one.outcome, own) for one in settled if (own := self._out.pop(one.received.id, None))]
        self._backlog.ids -= {own.id for outcome, own in known if outcome is not Outcome.RELEASED}
        self._backlog.give_back([own for outcome, own in known if outcome is Outcome.RELEASED])

    async def close(self) -> None:
        self._backlog.give_back(list(self._out.values()))
        self._out.clear()
