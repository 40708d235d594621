"""A queue of a test: what is in it, as another program sees it, and components that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bindings.azure.storagequeues import component
from bindings.contract import Clock, InputBinding, Operation, OutputBinding, Result
from engine.clock import SystemClock
from engine.errors import EventError
from tests.bindings.azure.server import Azurite
from tests.bindings.fakes import context


class Queue:
    def __init__(self, azurite: Azurite, name: str) -> None:
        self.azurite = azurite
        self.name = name
        self.client = azurite.queues.get_queue_client(name)

    def texts(self) -> list[str]:
        """What is in it and not hidden."""
        return [str(message.content) for message in self.client.peek_messages(max_messages=32)]

    def metadata(self, **more: Any) -> Any:
        given = {"queueName": self.name, "queueEndpoint": self.azurite.queue_url, **self.azurite.login}
        return component.metadata.model_validate({**given, **more})

    def input(self, clock: Clock | None = None, **more: Any) -> InputBinding:
        assert component.input is not None
        return component.input(self.metadata(**more), context("orders", clock or SystemClock()))

    def output(self, **more: Any) -> OutputBinding:
        assert component.output is not None
        return component.output(self.metadata(**more), context("orders"))

    @asynccontextmanager
    async def reading(self, clock: Clock | None = None, **more: Any) -> AsyncIterator[InputBinding]:
        binding = self.input(clock, **more)
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
