"""What a binding is lent and called with, in memory: the store, the context, operations."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from bindings.contract import Clock, Context, Operation, Outcome, Received, Settled
from bindings.store import DeadLetter, DurableQueue, Message, Store
from engine.clock import VirtualClock
from engine.event import Attribute, Event

_numbers = itertools.count(1)


def context(name: str = "test", clock: Clock | None = None, store: Store | None = None) -> Context:
    return Context(name=name, store=store or MemoryStore(), clock=clock or VirtualClock())


def event(data: bytes | None = None, **attributes: Attribute) -> Event:
    """A valid event; its id and, unless given, its data are like no other's."""
    number = next(_numbers)
    envelope = {"specversion": "1.0", "id": f"event-{number}", "source": "/tests", "type": "test", **attributes}
    return Event(envelope, b'{"number":%d}' % number if data is None else data)


def operation(
    name: str, data: bytes | None = None, metadata: Mapping[str, str] | None = None, **attributes: Attribute
) -> Operation:
    return Operation(name=name, event=event(data, **attributes), metadata=metadata or {})


async def eventually(condition: Callable[[], bool], timeout: float = 5.0) -> None:
    """Returns when the condition holds; for what other threads and processes do, and no clock or event tells."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - there is nothing to be woken by
            await asyncio.sleep(0.005)


class MemoryStore:
    """bindings/store.py's `Store`, as durable as the object."""

    def __init__(self) -> None:
        self._marks: dict[str, dict[str, str]] = {}
        self._letters: dict[str, DeadLetter] = {}
        self._queues: dict[str, Backlog] = {}

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def queue(self, name: str) -> DurableQueue:
        return MemoryQueue(self._queues.setdefault(name, Backlog()))

    async def marks(self, scope: str) -> dict[str, str]:
        return dict(self._marks.get(scope, {}))

    async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
        self._marks.setdefault(scope, {}).update(marks)

    async def drop_marks(self, scope: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._marks.get(scope, {}).pop(key, None)

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        self._letters.update({letter.id: letter for letter in letters})

    async def dead_letters(
        self, *, pipeline: str | None = None, after: str = "", limit: int = 100
    ) -> Sequence[DeadLetter]:
        ids = list(self._letters)
        rest = ids[ids.index(after) + 1 :] if after else ids
        return [self._letters[id] for id in rest if pipeline in (None, self._letters[id].pipeline)][:limit]

    async def dead_letter(self, id: str) -> DeadLetter | None:
        return self._letters.get(id)

    async def remove_dead_letters(self, ids: Sequence[str]) -> int:
        return sum(self._letters.pop(id, None) is not None for id in ids)

    async def count_dead_letters(self, pipeline: str | None = None) -> int:
        return sum(pipeline in (None, letter.pipeline) for letter in self._letters.values())


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
        return batch

    async def settle(self, settled: Sequence[Settled]) -> None:
        known = [one for one in settled if self._out.pop(one.received.id, None)]
        self._backlog.ids -= {one.received.id for one in known if one.outcome is not Outcome.RELEASED}
        self._backlog.give_back([one.received for one in known if one.outcome is Outcome.RELEASED])

    async def close(self) -> None:
        self._backlog.give_back(list(self._out.values()))
        self._out.clear()
