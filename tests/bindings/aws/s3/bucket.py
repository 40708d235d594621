"""A bucket of a test: what is in it, as another program sees it, and components that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bindings.aws.s3 import component
from bindings.contract import InputBinding, Operation, OutputBinding, Result
from bindings.store import Store
from engine.clock import SystemClock
from engine.errors import EventError
from engine.testing.memory_store import MemoryStore
from tests.bindings.aws.server import Moto
from tests.bindings.fakes import context

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Bucket:
    def __init__(self, moto: Moto, name: str) -> None:
        self.moto = moto
        self.name = name
        self.store: Store = MemoryStore()
        self.client: S3Client = moto.client("s3")
        self.client.create_bucket(Bucket=name)

    def put(self, key: str, data: bytes = b"data", **more: Any) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data, **more)

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    @property
    def keys(self) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())]

    def metadata(self, **more: Any) -> Any:
        return component.metadata.model_validate(self.moto.metadata(bucket=self.name, **more))

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
