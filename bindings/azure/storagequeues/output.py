from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Sequence

from bindings.azure.failure import FAILURES, failure
from bindings.azure.storagequeues.metadata import StorageQueuesMetadata
from bindings.azure.storagequeues.queue import MOST, Queue
from bindings.contract import Operation, Result
from bindings.metadata import parse_duration
from bindings.object_operations import content
from engine.errors import EventError, Permanent

_LARGEST = 64 * 2**10  # bytes of the text of a message
_LONGEST = 2**31 - 1  # seconds
# https://www.w3.org/TR/xml/#charsets, less the carriage return, which XML reads as a line feed.
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class StorageQueuesOutput:
    """Puts messages into the queue, as many at once as it may; the service takes one a request."""

    def __init__(self, metadata: StorageQueuesMetadata) -> None:
        self._metadata = metadata
        self._queue = Queue(metadata)
        self._free = asyncio.Semaphore(MOST)

    async def open(self) -> None:
        await self._queue.open()

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        return await asyncio.gather(*(self._invoke(operation) for operation in operations))

    async def close(self) -> None:
        await self._queue.close()

    async def _invoke(self, operation: Operation) -> Result | EventError:
        try:
            text = self._text(operation)
            ttl, delay = self._times(operation)
            async with self._free:
                sent = await self._queue.client.send_message(text, time_to_live=ttl, visibility_timeout=delay)
        except EventError as error:
            return error
        except FAILURES as error:
            return failure(error, f"send to queue {self._queue.name}")
        return Result(metadata={"messageID": str(sent.id)}, landed=f"queue {self._queue.name}")

    def _text(self, operation: Operation) -> str:
        if operation.name != "create":
            raise Permanent(f"there is no operation {operation.name!r}; there is create")
        data, _ = content(operation.event, decode_base64=False)
        if self._metadata.encode_base64:
            data = base64.b64encode(data)
        if len(data) > _LARGEST:
            raise Permanent(f"the message has {len(data):,} bytes, and a queue takes at most {_LARGEST:,}", status=413)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Permanent("the message is not UTF-8 text; set `encodeBase64`") from None
        if found := _NOT_XML.search(text):
            raise Permanent(f"the message has a character that XML may not have, {found[0]!r}; set `encodeBase64`")
        return text

    def _times(self, operation: Operation) -> tuple[int, int | None]:
        """How long it lives, and how long it is hidden at first, in seconds."""
        ttl = _seconds(operation, "ttl", _seconds(operation, "ttlInSeconds", self._metadata.ttl))
        delay = _seconds(operation, "initialVisibilityDelay", self._metadata.initial_visibility_delay)
        if ttl < 1:
            raise Permanent("ttl must be at least 1s")
        if delay >= ttl:
            raise Permanent("initialVisibilityDelay must be less than ttl")
        return min(int(ttl), _LONGEST), int(delay) or None


def _seconds(operation: Operation, name: str, default: float) -> float:
    value = operation.metadata.get(name)
    try:
        return parse_duration(value) if value else default
    except ValueError as error:
        raise Permanent(f"{name}: {error}") from error
