from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from bindings.contract import Context, Outcome, Received, Settled
from bindings.memory.metadata import MemoryMetadata
from bindings.memory.queue import Queue, open_queue


class QueueInput:
    """Messages that are not settled at close go back to the queue; when the process ends, they are gone."""

    redelivery: Literal["native", "store", "none"] = "none"
    _queue: Queue

    def __init__(self, find: Callable[[], Queue]) -> None:
        self._find = find
        self._unsettled: dict[int, Received] = {}  # by a number of ours: two events may have one id
        self._taken = 0

    async def open(self) -> None:
        self._queue = self._find()

    async def read(self, limit: int) -> Sequence[Received]:
        batch = await self._queue.take(limit)
        for message in batch:
            self._taken += 1
            message.handle = self._taken
            self._unsettled[message.handle] = message
        return batch

    async def settle(self, settled: Sequence[Settled]) -> None:
        released = []
        for one in settled:
            message = self._unsettled.pop(one.received.handle, None)
            if message and one.outcome is Outcome.RELEASED:
                released.append(message)
        self._give_back(released)

    async def close(self) -> None:
        self._give_back(list(self._unsettled.values()))
        self._unsettled.clear()

    def _give_back(self, messages: Sequence[Received]) -> None:
        if messages:
            self._queue.give_back([replace(message, attempt=message.attempt + 1) for message in messages])


class MemoryInput(QueueInput):
    def __init__(self, metadata: MemoryMetadata, context: Context) -> None:
        super().__init__(lambda: open_queue(metadata.queue_name or context.name, metadata.capacity))
