from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from azure.storage.queue import QueueMessage

from bindings.azure.failure import FAILURES, failure
from bindings.azure.storagequeues.lease import Lease, Leases
from bindings.azure.storagequeues.metadata import StorageQueuesMetadata
from bindings.azure.storagequeues.queue import MOST, Queue
from bindings.contract import Context, Outcome, Received, Settled
from engine.event import rfc3339

_log = logging.getLogger("jackfield.storagequeues")
_FIRST_WAIT = 0.1  # seconds
_GOODBYE = 5.0  # seconds for a request that is under way at the end


class StorageQueuesInput:
    """Reads up to 32 messages a request, and deletes each when its event is finished."""

    redelivery: Literal["native", "store", "none"] = "native"

    def __init__(self, metadata: StorageQueuesMetadata, context: Context) -> None:
        self._metadata = metadata
        self._clock = context.clock
        self._queue = Queue(metadata)
        self._leases = Leases(self._queue, context.clock, metadata.visibility_timeout)
        self._receiving: asyncio.Task[list[QueueMessage]] | None = None
        self._ready: deque[Received] = deque()
        self._released = asyncio.Event()
        self._wait = _FIRST_WAIT

    async def open(self) -> None:
        await self._queue.open()
        self._wait = _FIRST_WAIT

    async def read(self, limit: int) -> Sequence[Received]:
        while not self._ready:
            try:
                await self._receive(min(limit, MOST))
            except FAILURES as error:
                raise self._queue.not_ready(error) from error
            if not self._ready:
                await self._pause()
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    async def settle(self, settled: Sequence[Settled]) -> None:
        released = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        try:
            await self._leases.delete(one.received.handle for one in settled if one.outcome is not Outcome.RELEASED)
            await self._leases.release(released)
        except FAILURES as error:
            raise failure(error, f"settle messages of queue {self._queue.name}") from error
        if released:
            self._released.set()

    async def close(self) -> None:
        if self._receiving is not None:
            # What it brings would stay hidden until its time is over.
            await asyncio.wait({self._receiving}, timeout=_GOODBYE)
            self._receiving.cancel()
            [messages] = await asyncio.gather(self._receiving, return_exceptions=True)
            if not isinstance(messages, BaseException):
                self._take(messages)
            self._receiving = None
        self._ready.clear()
        await self._leases.close()
        await self._queue.close()

    async def _receive(self, count: int) -> None:
        """A request that was sent is waited for by the next read when this one is cancelled."""
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._request(count))
        receiving = self._receiving
        await asyncio.wait({receiving})
        self._receiving = None
        self._take(receiving.result())

    async def _request(self, count: int) -> list[QueueMessage]:
        messages = self._queue.client.receive_messages(
            messages_per_page=count, max_messages=count, visibility_timeout=self._leases.timeout
        )
        return [message async for message in messages]

    def _take(self, messages: Sequence[QueueMessage]) -> None:
        if messages:
            self._wait = _FIRST_WAIT
        self._ready.extend(message_of(one, self._metadata, self._leases.take(one)) for one in messages)

    async def _pause(self) -> None:
        """Longer each time, until there is something, or it is known that something was given back."""
        wait = min(self._wait, self._metadata.polling_interval)
        self._wait = min(self._wait * 2, self._metadata.polling_interval)
        self._released.clear()
        waits = [asyncio.ensure_future(self._clock.sleep(wait)), asyncio.ensure_future(self._released.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()


async def peek(metadata: StorageQueuesMetadata, context: Context, limit: int) -> Sequence[Received]:
    """What waits, without taking it: at most 32 messages, as the service has it."""
    queue = Queue(metadata)
    try:
        await queue.connect()
        peeked = await queue.client.peek_messages(max_messages=min(limit, MOST))
    except FAILURES as error:
        raise queue.not_ready(error) from error
    finally:
        await queue.close()
    return [message_of(message, metadata) for message in peeked]


def message_of(message: QueueMessage, metadata: StorageQueuesMetadata, lease: Lease | None = None) -> Received:
    """With Dapr's names of what the service says of a message."""
    known = {
        "messageID": message.id,
        "popReceipt": message.pop_receipt,
        "insertionTime": _time(message.inserted_on),
        "expirationTime": _time(message.expires_on),
        "nextVisibleTime": _time(message.next_visible_on),
        "dequeueCount": str(message.dequeue_count) if message.dequeue_count else None,
        "queueName": metadata.queue_name,
    }
    inserted = known["insertionTime"]
    return Received(
        str(message.id),
        _data(message, metadata.decode_base64),
        {"time": inserted} if inserted else {},
        {name: value for name, value in known.items() if value},
        attempt=message.dequeue_count or 1,
        handle=lease,
    )


def _data(message: QueueMessage, decode_base64: bool) -> bytes:
    data = str(message.content or "").encode()
    if not decode_base64:
        return data
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        # It goes on as it is: a message that nobody takes would come again for ever.
        _log.warning("message %s is not base64, as decodeBase64 says: %s", message.id, error)
        return data


def _time(instant: datetime | None) -> str | None:
    return rfc3339(instant.timestamp()) if instant else None
