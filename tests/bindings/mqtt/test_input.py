from __future__ import annotations

from collections.abc import Sequence

import pytest

from bindings.contract import InputBinding
from tests.bindings.conformance import InputConformance
from tests.bindings.fakes import operation
from tests.bindings.mqtt.project import make_input, writing
from tests.bindings.mqtt.server import Mosquitto


class TestMqttInput(InputConformance):
    @pytest.fixture(autouse=True)
    async def _server(self, server: Mosquitto, topic: str) -> None:
        self.url, self.topic = server.url, topic

    async def make(self) -> InputBinding:
        return make_input(self.url, self.topic)

    async def produce(self, count: int) -> Sequence[bytes | None]:
        operations = [operation("create") for _ in range(count)]
        async with writing(self.url, self.topic) as output:
            await output.invoke(operations)
        return [one.event.data for one in operations]
