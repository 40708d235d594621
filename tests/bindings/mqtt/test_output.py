from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from bindings.contract import OutputBinding
from bindings.mqtt import binding
from tests.bindings.conformance import OutputConformance
from tests.bindings.fakes import operation
from tests.bindings.mqtt.project import listening, make_output, writing
from tests.bindings.mqtt.server import Mosquitto


class TestMqttOutput(OutputConformance):
    component = binding

    @pytest.fixture(autouse=True)
    async def _server(self, server: Mosquitto, topic: str) -> AsyncIterator[None]:
        self.url, self.topic = server.url, topic
        async with listening(server.port, topic) as client:
            self.client = client
            yield

    async def make(self) -> OutputBinding:
        return make_output(self.url, self.topic)

    async def written(self) -> Sequence[bytes | None]:
        end = operation("create", b"end")
        async with writing(self.url, self.topic) as output:
            await output.invoke([end])
        found: list[bytes | None] = []
        async for message in self.client.messages:
            if message.payload == b"end":
                return found
            found.append(bytes(message.payload) if isinstance(message.payload, bytes) else None)
        raise AssertionError("the connection has ended")
