"""A container of a test: what is in it, as another program sees it, and components that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from azure.storage.blob import ContentSettings

from bindings.azure.blobstorage import component
from bindings.contract import InputBinding, Operation, OutputBinding, Result
from bindings.store import Store
from engine.clock import SystemClock
from engine.errors import EventError
from engine.testing.memory_store import MemoryStore
from tests.bindings.azure.server import Azurite
from tests.bindings.fakes import context


class Container:
    def __init__(self, azurite: Azurite, name: str) -> None:
        self.azurite = azurite
        self.name = name
        self.store: Store = MemoryStore()
        self.client = azurite.blobs.create_container(name)

    def put(self, name: str, data: bytes = b"data", metadata: dict[str, str] | None = None, **settings: str) -> None:
        content = ContentSettings(**settings)  # type: ignore[arg-type]
        self.client.upload_blob(name, data, overwrite=True, metadata=metadata, content_settings=content)

    def get(self, name: str) -> bytes:
        return self.client.download_blob(name).readall()

    def delete(self, name: str) -> None:
        self.client.delete_blob(name)

    def etag(self, name: str) -> str:
        return self.client.get_blob_client(name).get_blob_properties().etag.strip('"')

    @property
    def names(self) -> list[str]:
        return list(self.client.list_blob_names())

    def metadata(self, **more: Any) -> Any:
        given = {"containerName": self.name, "endpoint": self.azurite.blob_url, "retryCount": 0, **self.azurite.login}
        return component.metadata.model_validate({**given, **more})

    def input(self, **more: Any) -> InputBinding:
        assert component.input is not None
        metadata = self.metadata(**{"pollInterval": "5ms", **more})
        return component.input(metadata, context("uploads", SystemClock(), self.store))

    def output(self, **more: Any) -> OutputBinding:
        assert component.output is not None
        return component.output(self.metadata(**more), context("uploads"))

    @asynccontextmanager
    async def reading(self, **more: Any) -> AsyncIterator[InputBinding]:
        binding = self.input(**more)
        try:
            await binding.open()
            yield binding
        finally:
            await binding.close()

    async def invoke(self, *operations: Operation, **more: Any) -> list[Result | EventError]:
        binding = self.output(**more)
        try:
            await binding.open()
            return list(await binding.invoke(operations))
        finally:
            await binding.close()
