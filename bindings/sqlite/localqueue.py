"""`bindings.localqueue`: a durable queue in a SQLite file, with nothing to install and nothing to run."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Literal

from pydantic import Field

from bindings.contract import Context, Operation, Received, Result, Settled
from bindings.manifest import ComponentType
from bindings.metadata import BindingMetadata, PositiveDuration, Text, parse_duration
from bindings.sqlite import messages
from bindings.sqlite.database import Database
from bindings.sqlite.failure import opening_failure
from bindings.sqlite.queue import SqliteQueue
from bindings.store import Message
from engine.errors import EventError, Permanent, Retryable
from engine.event import rfc3339


class LocalQueueMetadata(BindingMetadata):
    path: Text = Field(
        ".jackfield/queues.db",
        description="The SQLite file, which any number of queues, components and engines on this machine share; a "
        "relative path begins at the folder in which the engine was started. Made when it is missing.",
        examples=[".jackfield/queues.db", "/var/lib/jackfield/queues.db"],
        min_length=1,
    )
    queue_name: Text | None = Field(
        None,
        description="The queue in the file. Default: the component's name.",
        examples=["orders"],
        pattern="^[^/]+$",  # names with a slash are the store's
    )
    visibility_timeout: PositiveDuration = Field(
        30.0,
        description="Input: when another engine may take over what was given to one that hangs. An engine that works "
        "keeps its messages however long they take, and those of one that ended are free at its next start.",
        examples=["30s", "5m"],
    )


class LocalQueue:
    """Input and output. Of two events with one id and one source, the queue holds one at a time."""

    redelivery: Literal["native", "store", "none"] = "native"
    _queue: SqliteQueue

    def __init__(self, metadata: LocalQueueMetadata, context: Context) -> None:
        self._path = Path(metadata.path).resolve()
        self._name = metadata.queue_name or context.name
        self._visibility = metadata.visibility_timeout
        self._clock = context.clock
        self._resources = AsyncExitStack()

    async def open(self) -> None:
        database = await Database.acquire(self._path)
        self._resources.push_async_callback(database.release)
        self._queue = SqliteQueue(database, self._name, self._clock, self._visibility)
        self._resources.push_async_callback(self._queue.close)

    async def read(self, limit: int) -> Sequence[Received]:
        return [self._received(message) for message in await self._queue.read(limit)]

    async def settle(self, settled: Sequence[Settled]) -> None:
        await self._queue.settle(settled)

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        batches: dict[float, list[Message]] = defaultdict(list)
        time = rfc3339(self._clock.now())
        places: list[float | Permanent] = []  # the batch of each operation, by its delay
        for operation in operations:
            try:
                delay = _delay(operation)
            except Permanent as error:
                places.append(error)
            else:
                batches[delay].append(_message(operation, time))
                places.append(delay)
        answers = await asyncio.gather(*(self._put(batch, delay) for delay, batch in batches.items()))
        answer = dict(zip(batches, answers, strict=True))
        return [place if isinstance(place, Permanent) else answer[place] for place in places]

    async def peek(self, limit: int) -> Sequence[Received]:
        """What waits, of a queue that is not open."""
        waiting = await asyncio.to_thread(_waiting, self._path, self._name, self._clock.now(), limit)
        return [self._received(message) for message in waiting]

    async def close(self) -> None:
        await self._resources.aclose()

    def _received(self, message: Received) -> Received:
        attributes = dict(message.attributes)
        id = str(attributes.pop("id"))
        metadata = {
            **message.metadata,
            "queueName": self._name,
            "messageId": id,
            "deliveryCount": str(message.attempt),
        }
        return Received(id, message.data, attributes, metadata, message.attempt, message.handle)

    async def _put(self, batch: Sequence[Message], delay: float) -> Result | EventError:
        try:
            await self._queue.put(batch, delay=delay)
        except Retryable as error:
            return error
        return Result(landed=f"queue {self._name}")


async def _peek(metadata: LocalQueueMetadata, context: Context, limit: int) -> Sequence[Received]:
    return await LocalQueue(metadata, context).peek(limit)


def _waiting(path: Path, queue: str, now: float, limit: int) -> Sequence[Received]:
    """Reads the file and never writes to it; one that is not there is not made."""
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return messages.waiting(connection, queue, now, limit)
    except sqlite3.Error as error:
        raise opening_failure(error, path) from error


def _message(operation: Operation, time: str) -> Message:
    event = operation.event
    return Message(
        # A CloudEvents id is unique only together with its source.
        id=f"{event.source} {event.id}",
        data=event.data,
        attributes={name: value for name, value in event.attributes.items() if name != "specversion"},
        metadata={"enqueuedTime": time},
    )


def _delay(operation: Operation) -> float:
    if operation.name != "create":
        raise Permanent(f"bindings.localqueue has no operation {operation.name!r}; it has create")
    try:
        return parse_duration(operation.metadata.get("delay", 0))
    except ValueError as error:
        raise Permanent(f"delay: {error}") from error


component = ComponentType(
    name="bindings.localqueue",
    summary="A durable queue in a SQLite file: nothing to install, nothing lost when the engine or the machine dies.",
    metadata=LocalQueueMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: bindings.localqueue
  version: v1
  metadata:
    - name: path
      value: .jackfield/queues.db
    - name: visibilityTimeout
      value: 30s
""",
    input=LocalQueue,
    output=LocalQueue,
    peek=_peek,
    operations={"create": "Adds the event, with all its attributes, at the end of the queue."},
    input_metadata={
        "queueName": "The name of the queue.",
        "messageId": "The id of the event.",
        "enqueuedTime": "When the event was added, as in RFC 3339.",
        "deliveryCount": "How often the event was given out, this time included.",
    },
    place=lambda metadata, name: f"{Path(metadata.path).resolve()} {metadata.queue_name or name}",
    output_metadata={"delay": "How long the event is kept back, like `10s`; default: not at all."},
)
