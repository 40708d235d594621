from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob.aio import BlobClient, ContainerClient, LinearRetry

from bindings.azure.blobstorage.metadata import BlobStorageMetadata
from bindings.azure.credentials import credential_of
from bindings.azure.failure import FAILURES, error_code, refusal
from engine.errors import DefinitionError, Permanent

MISSING = {"BlobNotFound", "ResourceNotFound"}
CHANGED = {"ConditionNotMet"}
AT_ONCE = 32  # requests
_ONE_REQUEST = 64 * 2**20  # bytes: larger blobs go up in parts
_CONNECT_TIMEOUT, _READ_TIMEOUT = 5, 40  # seconds


class Container:
    """A container as one component sees it."""

    client: ContainerClient

    def __init__(self, metadata: BlobStorageMetadata) -> None:
        self.metadata = metadata
        self.name = metadata.container_name
        self._closing = AsyncExitStack()

    async def open(self) -> None:
        """Raises `DefinitionError` for what a person must change, `NotReady` when the service does not answer."""
        self.client = await self._client()
        self._closing.push_async_exit(self.client)
        try:
            if self.metadata.disable_entity_management:
                await anext(aiter(self.client.list_blobs(results_per_page=1)), None)
            else:
                await self._make()
        except FAILURES as error:
            raise refusal(error, f"container {self.name}") from error

    async def close(self) -> None:
        await self._closing.aclose()

    def blob(self, name: str) -> BlobClient:
        return self.client.get_blob_client(name)

    def signed(self, name: str, ttl: float) -> str:
        """A URL for a GET, good for so many seconds. Raises `Permanent` where there is no key to sign with."""
        key = getattr(self.client.credential, "account_key", None)
        if not isinstance(key, str):
            raise Permanent("there is no account key to sign a URL with; set `accountKey` or `connectionString`")
        blob = self.blob(name)
        signature = generate_blob_sas(
            str(self.client.account_name),
            self.name,
            name,
            account_key=key,
            permission=BlobSasPermissions(read=True),
            expiry=datetime.now(UTC) + timedelta(seconds=ttl),
        )
        return f"{blob.url}?{signature}"

    async def _client(self) -> ContainerClient:
        options: dict[str, Any] = {
            # What is away for longer than this is the engine's to wait for.
            "retry_policy": LinearRetry(backoff=1, retry_total=self.metadata.retry_count, random_jitter_range=1),
            "connection_timeout": _CONNECT_TIMEOUT,
            "read_timeout": _READ_TIMEOUT,
            "max_single_put_size": _ONE_REQUEST,
            "user_agent": "jackfield",
        }
        try:
            if self.metadata.connection_string:
                text = self.metadata.connection_string.get_secret_value()
                return ContainerClient.from_connection_string(text, self.name, **options)
            credential = await asyncio.to_thread(credential_of, self.metadata)
            if hasattr(credential, "close"):
                self._closing.push_async_callback(credential.close)
            return ContainerClient(self.metadata.account_url, self.name, credential=credential, **options)
        except ValueError as error:
            hint = "look at `connectionString`, or `accountName` and `endpoint`"
            raise DefinitionError(f"container {self.name}: {error}", hint=hint) from error

    async def _make(self) -> None:
        level = self.metadata.public_access_level
        try:
            await self.client.create_container(public_access=None if level == "none" else level)
        except ResourceExistsError as error:
            if error_code(error) == "ContainerBeingDeleted":
                raise
