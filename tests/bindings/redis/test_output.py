from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bindings.contract import Operation, OutputBinding, Result
from bindings.redis import binding_component
from engine.errors import EventError, Permanent, TimedOut, Unavailable
from tests.bindings.conformance import OutputConformance
from tests.bindings.fakes import context, operation
from tests.bindings.redis.server import RedisServer
from tests.proxy import Proxy


def make_output(address: str, **more: Any) -> OutputBinding:
    assert binding_component.output is not None
    metadata = binding_component.metadata.model_validate({"redisHost": address, **more})
    return binding_component.output(metadata, context("cache"))


async def invoke(address: str, *operations: Operation) -> Sequence[Result | EventError]:
    output = make_output(address)
    await output.open()
    results = await output.invoke(operations)
    await output.close()
    return results


class TestRedisOutput(OutputConformance):
    component = binding_component

    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer, client: Any) -> None:
        self.address, self.client = server.address, client
        self.keys: list[str] = []

    async def make(self) -> OutputBinding:
        return make_output(self.address)

    async def operation(self, name: str) -> Operation:
        self.keys.append(f"{name}-{len(self.keys)}")
        return operation(name, metadata={"key": self.keys[-1]})

    async def written(self) -> Sequence[bytes | None]:
        return [value for value in await self.client.mget(self.keys) if value is not None]


async def test_operations_are_those_of_dapr(server: RedisServer, client: Any) -> None:
    key = {"key": "grün"}
    results = await invoke(
        server.address,
        operation("create", b"\x00\xff", key),
        operation("get", metadata=key),
        operation("delete", metadata=key),
        operation("get", metadata=key),
        operation("increment", metadata=key),
        operation("increment", metadata=key),
        operation("get", metadata={**key, "delete": "true"}),
    )
    assert [result.data for result in results if isinstance(result, Result)] == [
        None,
        b"\x00\xff",
        None,
        None,
        b"1",
        b"2",
        b"2",
    ]
    assert {result.landed for result in results if isinstance(result, Result)} == {"key grün"}
    assert await client.exists("grün") == 0


async def test_event_of_no_data_is_an_empty_value(server: RedisServer, client: Any) -> None:
    await invoke(server.address, operation("create", b"", {"key": "a"}))
    assert await client.get("a") == b""


@pytest.mark.parametrize("name", ["create", "increment"])
@pytest.mark.parametrize(("ttl", "milliseconds"), [("60", 60_000), ("1m30s", 90_000), ("500ms", 500)])
async def test_time_to_live(server: RedisServer, client: Any, name: str, ttl: str, milliseconds: int) -> None:
    [result] = await invoke(server.address, operation(name, b"1", {"key": "a", "ttlInSeconds": ttl}))
    assert isinstance(result, Result)
    assert milliseconds - 400 < await client.pttl("a") <= milliseconds


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "needs the metadata `key` for create"),
        ({"key": ""}, "needs the metadata `key` for create"),
        ({"key": "a", "ttlInSeconds": "soon"}, "not a duration"),
        ({"key": "a", "ttlInSeconds": "0"}, "more than zero"),
    ],
)
async def test_what_cannot_be_done_fails_alone(
    server: RedisServer, client: Any, metadata: dict[str, str], message: str
) -> None:
    good = operation("create", b"1", {"key": "good"})
    before, wrong, after = await invoke(server.address, good, operation("create", b"1", metadata), good)
    assert isinstance(before, Result)
    assert isinstance(after, Result)
    assert isinstance(wrong, Permanent)
    assert message in str(wrong)


async def test_error_of_the_server_is_of_its_operation(server: RedisServer, client: Any) -> None:
    await client.rpush("list", "1")
    await client.set("text", "no number")
    results = await invoke(
        server.address,
        operation("get", metadata={"key": "list"}),
        operation("create", b"1", {"key": "a"}),
        operation("increment", metadata={"key": "text", "ttlInSeconds": "10"}),
    )
    assert [type(result) for result in results] == [Permanent, Result, Permanent]
    assert "WRONGTYPE" in str(results[0])


async def test_server_that_is_silent_is_timed_out(server: RedisServer, client: Any) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    output = make_output(f"127.0.0.1:{proxy.port}", readTimeout="500ms", redisMaxRetries=-1)
    await output.open()
    proxy.stall()
    [result] = await output.invoke([operation("create", b"1", {"key": "a"})])
    assert type(result) is TimedOut
    proxy.mend()
    assert [type(result) for result in await output.invoke([operation("create", b"1", {"key": "a"})])] == [Result]
    await output.close()
    await proxy.stop()


async def test_server_that_went_away_is_unavailable_and_comes_back(own_server: RedisServer) -> None:
    output = make_output(own_server.address)
    await output.open()
    good, wrong = operation("create", b"1", {"key": "a"}), operation("create", b"1")
    own_server.stop()
    assert [type(result) for result in await output.invoke([good, wrong])] == [Unavailable, Permanent]
    own_server.start()
    assert [type(result) for result in await output.invoke([good])] == [Result]
    await output.close()
