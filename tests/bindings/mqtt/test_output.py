from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

import pytest

from bindings.contract import OutputBinding, Result
from bindings.mqtt import component
from engine.errors import Permanent
from tests.bindings.conformance import OutputConformance
from tests.bindings.fakes import operation
from tests.bindings.mqtt.project import heard, listening, make_output, payload, writing
from tests.bindings.mqtt.server import Mosquitto


class TestMqttOutput(OutputConformance):
    component = component

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
            if payload(message) == b"end":
                return found
            found.append(payload(message))
        raise AssertionError("the connection has ended")


async def test_whole_event_is_sent_in_structured_mode(server: Mosquitto, topic: str) -> None:
    one = operation("create", b'{"n":1}', type="order", urgent=True)
    text = operation("create", "ü".encode(), {"contentMode": "structured"}, datacontenttype="text/plain")
    data = operation("create", b"\xff", {"contentMode": "data"})
    async with listening(server.port, topic) as client:
        async with writing(server.url, topic, contentMode="structured") as output:
            assert all(isinstance(result, Result) for result in await output.invoke([one, text, data]))
        first, second, third = await heard(client, 3)
    assert json.loads(first) == {**one.event.attributes, "data": {"n": 1}}
    assert json.loads(second)["data"] == "ü"
    assert third == b"\xff"


async def test_operation_names_its_topic_and_is_retained(server: Mosquitto, topic: str) -> None:
    async with writing(server.url, topic) as output:
        [result] = await output.invoke([operation("create", b"kept", {"topic": f"{topic}/ü", "retain": "true"})])
    assert isinstance(result, Result)
    assert result.landed == f"topic {topic}/ü"
    async with listening(server.port, f"{topic}/ü") as client:
        assert await heard(client, 1) == [b"kept"]


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"topic": "a/#"}, "cannot be published to"),
        ({"retain": "maybe"}, "neither true nor false"),
        ({"contentMode": "binary"}, "neither data nor structured"),
    ],
)
async def test_operation_that_cannot_be_written_fails_alone(
    server: Mosquitto, topic: str, wanted: dict[str, str], problem: str
) -> None:
    async with writing(server.url, topic) as output:
        bad, good = await output.invoke([operation("create", metadata=wanted), operation("create")])
        [only] = await output.invoke([operation("create", metadata=wanted)])
    assert isinstance(good, Result)
    for error in (bad, only):
        assert isinstance(error, Permanent)
        assert problem in str(error)


async def test_data_that_is_no_json_cannot_be_sent_in_structured_mode(server: Mosquitto, topic: str) -> None:
    async with writing(server.url, topic, contentMode="structured") as output:
        [error] = await output.invoke([operation("create", b"{", datacontenttype="application/json")])
    assert isinstance(error, Permanent)


async def test_topic_that_is_too_long_fails_alone(server: Mosquitto, topic: str) -> None:
    async with writing(server.url, topic) as output:
        bad, good = await output.invoke([operation("create", metadata={"topic": "t" * 65_536}), operation("create")])
    assert isinstance(bad, Permanent)
    assert isinstance(good, Result)
