from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bindings.contract import Clock, PubSub
from bindings.redis import pubsub_component
from engine.clock import VirtualClock
from engine.errors import NotReady, Permanent, Unavailable
from tests.bindings.fakes import context
from tests.bindings.redis.server import RedisCluster, RedisServer
from tests.bindings.topics import PubSubConformance, publication

EVENT = b'{"specversion":"1.0","id":"1","source":"shop","type":"t","data":{}}'
EVENTS = "application/cloudevents+json"


def make_pubsub(address: str, clock: Clock | None = None, **more: Any) -> PubSub:
    assert pubsub_component.pubsub is not None
    metadata = pubsub_component.metadata.model_validate({"redisHost": address, **more})
    return pubsub_component.pubsub(metadata, context("orders", clock=clock))


class TestRedisPubSub(PubSubConformance):
    keeps_metadata = True

    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer, client: Any) -> None:
        self.address = server.address

    async def make(self) -> PubSub:
        return make_pubsub(self.address)


class TestClusterPubSub(PubSubConformance):
    keeps_metadata = True

    @pytest.fixture(autouse=True)
    def _server(self, cluster: RedisCluster) -> None:
        self.address = cluster.address

    async def make(self) -> PubSub:
        return make_pubsub(self.address, redisType="cluster")


@pytest.fixture
async def pubsub(server: RedisServer, client: Any) -> AsyncIterator[PubSub]:
    pubsub = make_pubsub(server.address)
    await pubsub.open()
    yield pubsub
    await pubsub.close()


async def test_event_is_written_as_dapr_writes_it(pubsub: PubSub, client: Any) -> None:
    sent = [publication(EVENT, EVENTS), publication(EVENT, EVENTS, ttlInSeconds="60", tenant="grün")]
    assert await pubsub.publish("orders", sent) == [None, None]
    [(_, plain), (_, with_metadata)] = await client.xrange("orders")
    assert plain == {b"data": EVENT}
    assert with_metadata[b"data"] == EVENT
    assert json.loads(with_metadata[b"metadata"]) == {"ttlInSeconds": "60", "tenant": "grün"}


@pytest.mark.parametrize(
    ("data", "content_type"),
    [(b"1", "text/plain"), (b"{}", EVENTS), (EVENT, "application/json"), (b"", "application/octet-stream")],
)
async def test_type_that_the_data_does_not_show_is_in_the_metadata(
    pubsub: PubSub, client: Any, data: bytes, content_type: str
) -> None:
    assert await pubsub.publish("orders", [publication(data, content_type)]) == [None]
    [(_, fields)] = await client.xrange("orders")
    assert json.loads(fields[b"metadata"]) == {"contentType": content_type}


async def test_stream_is_kept_about_as_long_as_it_is_said(server: RedisServer, client: Any) -> None:
    await client.config_set("stream-node-max-entries", 10)
    pubsub = make_pubsub(server.address, maxLenApprox="50")
    await pubsub.open()
    await pubsub.publish("orders", [publication(b"%d" % number) for number in range(200)])
    await client.config_set("stream-node-max-entries", 100)
    assert 50 <= await client.xlen("orders") < 60
    await pubsub.close()


async def test_stream_keeps_messages_about_as_long_as_it_is_said(server: RedisServer, client: Any) -> None:
    await client.config_set("stream-node-max-entries", 10)
    clock = VirtualClock()
    for number in range(100):
        await client.xadd("orders", {"data": "old"}, id=f"{int(clock.now() * 1000) + number}-0")
    pubsub = make_pubsub(server.address, clock, streamTTL="60s")
    await pubsub.open()
    await clock.advance(60.05)
    await pubsub.publish("orders", [publication(b"new")])
    await client.config_set("stream-node-max-entries", 100)
    assert 50 <= await client.xlen("orders") <= 61
    await pubsub.close()


async def test_topic_that_is_no_stream_is_an_error_of_its_messages(pubsub: PubSub, client: Any) -> None:
    await client.set("orders", "text")
    errors = await pubsub.publish("orders", [publication(b"1"), publication(b"2")])
    assert [type(error) for error in errors] == [Permanent, Permanent]
    assert "WRONGTYPE" in str(errors[0])


async def test_server_that_went_away_is_unavailable_and_comes_back(own_server: RedisServer) -> None:
    pubsub = make_pubsub(own_server.address)
    await pubsub.open()
    own_server.stop()
    errors = await pubsub.publish("orders", [publication(b"1"), publication(b"2")])
    assert [type(error) for error in errors] == [Unavailable, Unavailable]
    own_server.start()
    assert await pubsub.publish("orders", [publication(b"1")]) == [None]
    await pubsub.close()


async def test_server_that_is_not_there_is_not_ready() -> None:
    with pytest.raises(NotReady):
        await make_pubsub("127.0.0.1:1").open()
