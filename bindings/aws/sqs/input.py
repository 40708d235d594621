from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bindings.aws.session import AwsSession
from bindings.aws.sqs.message import received
from bindings.aws.sqs.metadata import SqsMetadata
from bindings.aws.sqs.queue import Terms, find_queue
from bindings.aws.sqs.reader import Reader
from bindings.contract import Context, Outcome, Received, Settled
from engine.errors import NotReady

_THREADS = 16


class SqsInput:
    """Reads one queue. What is not settled comes again when it is given back, or its time is over."""

    redelivery: Literal["native"] = "native"

    def __init__(self, metadata: SqsMetadata, context: Context) -> None:
        self._metadata = metadata
        self._clock = context.clock
        self._session = AwsSession(metadata, _THREADS)
        self._reader: Reader | None = None

    async def open(self) -> None:
        wanted = self._metadata
        queue = await find_queue(self._session, wanted.queue_name)
        terms = Terms(hidden=wanted.message_visibility_timeout, wait=wanted.message_wait_time_seconds)
        self._reader = Reader(queue, terms, self._clock)

    async def read(self, limit: int) -> Sequence[Received]:
        messages = await self._opened().take(limit)
        return [received(message, self._metadata.queue_name) for message in messages]

    async def settle(self, settled: Sequence[Settled]) -> None:
        back = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        done = [one.received.handle for one in settled if one.outcome is not Outcome.RELEASED]
        await self._opened().settle(done, back)

    async def close(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await reader.close()
        self._session.close()

    def _opened(self) -> Reader:
        if self._reader is None:
            raise NotReady(f"queue {self._metadata.queue_name} is not open")
        return self._reader
