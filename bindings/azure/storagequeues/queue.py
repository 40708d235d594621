from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

from bindings.azure.credentials import credential_of
from bindings.azure.failure import FAILURES, error_code, refusal
from bindings.azure.storagequeues.metadata import StorageQueuesMetadata
from engine.errors import DefinitionError, NotReady

MOST = 32
"""How many messages one request gives, and how many requests are under way at once."""

_CONNECT_TIMEOUT, _READ_TIMEOUT = 5, 40  # seconds


class Queue:
    """A queue as one component sees it."""

    client: QueueClient

    def __init__(self, metadata: StorageQueuesMetadata) -> None:
        self._metadata = metadata
        self.name = metadata.queue_name
        self._closing = AsyncExitStack()

    async def open(self) -> None:
        """Raises `DefinitionError` for what a person must change, `NotReady` when the service does not answer."""
        await self.connect()
        try:
            try:
                await self.client.get_queue_properties()  # a login may be allowed to use the queue, and no more
            except ResourceNotFoundError:
                await self._make()
        except FAILURES as error:
            raise refusal(error, f"queue {self.name}") from error

    async def connect(self) -> None:
        """A client; no request is sent."""
        credential = await asyncio.to_thread(credential_of, self._metadata)
        if hasattr(credential, "close"):
            self._closing.push_async_callback(credential.close)
        try:
            self.client = QueueClient(
                self._metadata.account_url,
                self.name,
                credential=credential,
                # What is away for longer than this is the engine's to wait for.
                retry_total=1,
                initial_backoff=1,
                increment_base=1,
                random_jitter_range=1,
                connection_timeout=_CONNECT_TIMEOUT,
                read_timeout=_READ_TIMEOUT,
                user_agent="jackfield",
            )
        except ValueError as error:
            hint = "look at `accountName` and `queueEndpoint`"
            raise DefinitionError(f"queue {self.name}: {error}", hint=hint) from error
        self._closing.push_async_exit(self.client)

    async def close(self) -> None:
        await self._closing.aclose()

    def not_ready(self, error: Exception) -> NotReady:
        """For `read`: what a person must change is said by the next `open`."""
        return NotReady(str(refusal(error, f"queue {self.name}")))

    async def _make(self) -> None:
        try:
            await self.client.create_queue()
        except ResourceExistsError as error:  # another engine was quicker, unless it is still being deleted
            if error_code(error) == "QueueBeingDeleted":
                raise
