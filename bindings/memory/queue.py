from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from bindings.contract import Received


class Queue:
    """First in, first out, for any number of readers and writers of one event loop. Waiting is safe to cancel."""

    def __init__(self, capacity: int = 0) -> None:
        self._capacity = capacity
        self._messages: deque[Received] = deque()
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._abandoned = False

    def resize(self, capacity: int) -> None:
        self._capacity = capacity
        self._drained.set()

    def abandon(self) -> None:
        """Nobody reads it any more: what comes is dropped, and nobody waits for room."""
        self._abandoned = True
        self._drained.set()

    async def put(self, message: Received) -> None:
        """Waits while the queue is full."""
        while len(self._messages) >= self._capacity and not self._abandoned:
            self._drained.clear()
            await self._drained.wait()
        self._messages.append(message)
        self._filled.set()

    async def take(self, limit: int) -> Sequence[Received]:
        """Waits while the queue is empty."""
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        batch = [self._messages.popleft() for _ in range(min(limit, len(self._messages)))]
        self._drained.set()
        return batch

    def give_back(self, messages: Sequence[Received]) -> None:
        """To the front, in their order, also when the queue is full."""
        self._messages.extendleft(reversed(messages))
        self._filled.set()


# An engine is an event loop, and its components share their queues and nobody else's.
_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Queue]] = WeakKeyDictionary()


def open_queue(name: str, capacity: int) -> Queue:
    """The queue of that name in the running event loop, with this capacity from now on."""
    queue = _queues.setdefault(asyncio.get_running_loop(), {}).setdefault(name, Queue())
    queue.resize(capacity)
    return queue
