from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bindings.contract import Change, EtagMismatch, Item, StateStore
from bindings.redis import state_component
from engine.clock import SystemClock
from engine.errors import Permanent, Unavailable
from tests.bindings.fakes import context
from tests.bindings.redis.server import RedisCluster, RedisServer
from tests.bindings.states import StateConformance


def make_state(address: str, **more: Any) -> StateStore:
    assert state_component.state_store is not None
    metadata = state_component.metadata.model_validate({"redisHost": address, **more})
    return state_component.state_store(metadata, context("state", clock=SystemClock()))


class TestRedisState(StateConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer, client: Any) -> None:
        self.address, self.client = server.address, client

    async def make(self) -> StateStore:
        return make_state(self.address)

    async def pass_time(self, seconds: float) -> None:
        async for key in self.client.scan_iter():
            left = await self.client.pttl(key)
            if left >= 0:
                await self.client.pexpire(key, left - int(seconds * 1000))


@pytest.fixture
async def store(server: RedisServer, client: Any) -> AsyncIterator[StateStore]:
    store = make_state(server.address)
    await store.open()
    yield store
    await store.close()


async def dapr_sets(client: Any, key: str, data: bytes, etag: str = "0", first_write: bool = False) -> int:
    """The way of Dapr's script for a key that is a hash or is not there; raises when it is refused."""
    version, mark = await client.hmget(key, "version", "first-write")
    if version is not None and version.decode() != etag and not (mark is None and etag == "0"):
        raise ValueError(f"failed to set key {key}")
    await client.hset(key, "data", data)
    if first_write:
        await client.hset(key, "first-write", 0)
    return int(await client.hincrby(key, "version", 1))


async def test_value_of_dapr_is_read_and_its_etag_counts(store: StateStore, client: Any) -> None:
    await dapr_sets(client, "app||order", b'{"n":1}')
    await dapr_sets(client, "app||order", b'{"n":2}')
    item = (await store.get(["app||order"]))["app||order"]
    assert item == Item(b'{"n":2}', "2")
    [wrong] = await store.write([Change("app||order", b"3", etag="1")])
    assert isinstance(wrong, EtagMismatch)
    assert await store.write([Change("app||order", b"3", etag="2")]) == [None]
    assert await client.hgetall("app||order") == {b"data": b"3", b"version": b"3"}


async def test_value_of_ours_is_what_dapr_expects(store: StateStore, client: Any) -> None:
    await store.write([Change("app||order", b"1"), Change("app||first", b"1", first_write=True)])
    etag = (await store.get(["app||order"]))["app||order"].etag
    assert await client.hgetall("app||order") == {b"data": b"1", b"version": etag.encode()}
    assert await dapr_sets(client, "app||order", b"2", etag=etag) == int(etag) + 1
    assert (await store.get(["app||order"]))["app||order"] == Item(b"2", str(int(etag) + 1))
    with pytest.raises(ValueError, match="failed to set"):  # first-write is remembered, as Dapr remembers it
        await dapr_sets(client, "app||first", b"2", etag="0", first_write=True)


async def test_value_from_before_etags_is_read_and_replaced(store: StateStore, client: Any) -> None:
    await client.set("old", "1")
    assert (await store.get(["old"]))["old"] == Item(b"1", "")
    [first, stale] = await store.write([Change("old", b"2", first_write=True), Change("old", b"2", etag="1")])
    assert isinstance(first, EtagMismatch)
    assert isinstance(stale, EtagMismatch)
    assert await store.write([Change("old", b"2")]) == [None]
    assert (await store.get(["old"]))["old"].value == b"2"


async def test_hash_of_another_program_is_no_item(store: StateStore, client: Any) -> None:
    await client.hset("other", "field", "1")
    assert await store.get(["other"]) == {}
    await client.hset("other", "data", "1")
    with pytest.raises(Permanent, match="was not written by Dapr"):
        await store.get(["other"])


@pytest.mark.parametrize("value", [b"1", None])
async def test_key_of_any_other_type_is_replaced(store: StateStore, client: Any, value: bytes | None) -> None:
    await client.rpush("list", "1")
    with pytest.raises(Permanent, match="WRONGTYPE"):
        await store.get(["list"])
    assert await store.write([Change("list", value)]) == [None]
    assert {key: item.value for key, item in (await store.get(["list"])).items()} == (
        {} if value is None else {"list": value}
    )


@pytest.mark.parametrize(
    ("component", "ttl", "left"), [("60", None, 60), ("60", 5, 5), ("-1", None, -1), ("0", None, -1)]
)
async def test_time_to_live_of_the_component_is_for_values_without_one(
    server: RedisServer, client: Any, component: str, ttl: float | None, left: int
) -> None:
    store = make_state(server.address, ttlInSeconds=component)
    await store.open()
    await store.write([Change("a", b"1", ttl=ttl)])
    assert await client.ttl("a") == left
    await store.close()


async def test_scripts_are_sent_again_to_a_server_that_has_lost_them(store: StateStore, client: Any) -> None:
    changes = [Change(str(number), b"1") for number in range(5)]
    for _ in range(2):
        await client.script_flush()
        assert await store.write(changes) == [None] * 5
    await client.script_flush()
    await store.transact([Change("0", None), Change("1", b"2")])
    assert (await store.get(["0", "1"])).keys() == {"1"}


async def test_server_that_is_full_is_unavailable(store: StateStore, client: Any) -> None:
    await client.config_set("maxmemory", 1)
    await client.config_set("maxmemory-policy", "noeviction")
    [error] = await store.write([Change("a", b"1")])
    await client.config_set("maxmemory", 0)
    assert isinstance(error, Unavailable)
    assert await store.write([Change("a", b"1")]) == [None]


async def test_restart_loses_nothing_and_the_store_goes_on(own_server: RedisServer) -> None:
    store = make_state(own_server.address, redisMinRetryInterval=1)
    await store.open()
    assert await store.write([Change("a", b"1")]) == [None]
    own_server.stop()
    assert [type(error) for error in await store.write([Change("b", b"1")] * 2)] == [Unavailable] * 2
    with pytest.raises(Unavailable):
        await store.get(["a"])
    with pytest.raises(Unavailable):
        await store.transact([Change("b", b"1")])
    own_server.start()
    assert await store.write([Change("b", b"1")]) == [None]
    assert (await store.get(["a", "b"])).keys() == {"a", "b"}
    await store.close()


async def test_keys_of_a_cluster_are_on_all_its_nodes(cluster: RedisCluster) -> None:
    store = make_state(cluster.address, redisType="cluster")
    await store.open()
    keys = [f"k{number}" for number in range(50)]
    assert await store.write([Change(key, key.encode(), ttl=60) for key in keys]) == [None] * 50
    assert {key: item.value for key, item in (await store.get(keys)).items()} == {key: key.encode() for key in keys}
    for node in cluster.nodes:
        assert int(node.say("DBSIZE").strip(b":\r\n")) > 0
        node.say("SCRIPT", "FLUSH")
    assert await store.write([Change(key, None) for key in keys]) == [None] * 50
    assert await store.get(keys) == {}
    await store.close()


async def test_transaction_in_a_cluster_is_within_one_slot(cluster: RedisCluster) -> None:
    store = make_state(cluster.address, redisType="cluster")
    await store.open()
    await store.transact([Change("{order}1", b"1"), Change("{order}2", b"2")])
    assert (await store.get(["{order}1", "{order}2"])).keys() == {"{order}1", "{order}2"}
    with pytest.raises(Permanent, match="slot"):
        await store.transact([Change("a", b"1"), Change("b", b"2"), Change("c", b"2")])
    assert await store.get(["a", "b", "c"]) == {}
    await store.close()


async def test_etag_of_a_value_that_was_deleted_is_not_that_of_the_next_one(store: StateStore) -> None:
    assert await store.write([Change("key", b"1")]) == [None]
    before = (await store.get(["key"]))["key"].etag
    assert await store.write([Change("key", None), Change("key", b"2")]) == [None, None]
    [error] = await store.write([Change("key", b"3", etag=before)])
    assert isinstance(error, EtagMismatch)
    assert (await store.get(["key"]))["key"].value == b"2"
