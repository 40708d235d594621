from __future__ import annotations

from collections.abc import Sequence

from bindings.contract import Context, Operation, Received, Result
from bindings.memory.metadata import MemoryMetadata
from bindings.memory.queue import Queue, open_queue
from engine.errors import EventError, Permanent


class MemoryOutput:
    """Adds events to a queue; the event's id and attributes and the operation's metadata travel with the data."""

    _queue: Queue

    def __init__(self, metadata: MemoryMetadata, context: Context) -> None:
        self._name = metadata.queue_name or context.name
        self._capacity = metadata.capacity

    async def open(self) -> None:
        self._queue = open_queue(self._name, self._capacity)

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        return [await self._invoke(operation) for operation in operations]

    async def close(self) -> None:
        pass

    async def _invoke(self, operation: Operation) -> Result | EventError:
        if operation.name != "create":
            return Permanent(f"bindings.memory has no operation {operation.name!r}; it has create")
        event = operation.event
        await self._queue.put(Received(event.id, event.data, dict(event.attributes), dict(operation.metadata)))
        return Result(landed=f"memory queue {self._name}")
