from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from bindings.contract import ConfigurationStore, Setting
from bindings.redis import configuration as module
from bindings.redis import configuration_component
from engine.clock import SystemClock, VirtualClock
from engine.errors import DefinitionError, NotReady, Unavailable
from tests.bindings.configurations import ConfigurationConformance
from tests.bindings.fakes import context, eventually
from tests.bindings.redis.server import RedisServer
from tests.proxy import Proxy


def make_store(address: str, clock: Any = None, **more: Any) -> ConfigurationStore:
    assert configuration_component.configuration_store is not None
    metadata = configuration_component.metadata.model_validate({"redisHost": address, **more})
    return configuration_component.configuration_store(metadata, context("settings", clock=clock))


class TestRedisConfiguration(ConfigurationConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer, client: Any) -> None:
        self.address, self.client = server.address, client

    async def make(self) -> ConfigurationStore:
        return make_store(self.address)

    async def put(self, key: str, value: str, version: str = "") -> None:
        await self.client.set(key, f"{value}||{version}" if version else value)

    async def remove(self, key: str) -> None:
        await self.client.delete(key)


class TestAnotherDatabase(ConfigurationConformance):
    """A number of a database is in the names of its channels."""

    @pytest.fixture(autouse=True)
    async def _server(self, server: RedisServer, client: Any) -> Any:
        self.address = server.address
        self.client = Redis(port=server.port, db=3)
        yield
        await self.client.aclose()

    async def make(self) -> ConfigurationStore:
        return make_store(self.address, redisDB=3)

    async def put(self, key: str, value: str, version: str = "") -> None:
        await self.client.set(key, f"{value}||{version}" if version else value)

    async def remove(self, key: str) -> None:
        await self.client.delete(key)


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("10", Setting("10")),
        ("10||", Setting("10")),
        ("10||v2", Setting("10", "v2")),
        ("10||v2||more", Setting("10", "v2")),
        ("||v2", None),
        ("", None),
    ],
)
async def test_text_is_read_as_dapr_reads_it(
    server: RedisServer, client: Any, text: str, setting: Setting | None
) -> None:
    store = make_store(server.address)
    await store.open()
    await client.set("a", text)
    assert await store.get(["a"], {}) == ({} if setting is None else {"a": setting})
    await store.close()


async def test_keys_of_other_types_are_left_out(server: RedisServer, client: Any) -> None:
    store = make_store(server.address)
    await store.open()
    await client.hset("hash", "field", "1")
    await client.set("text", "1")
    assert await store.get(["hash", "text"], {}) == {"text": Setting("1")}
    assert await store.get([], {}) == {"text": Setting("1")}
    await store.close()


async def test_key_that_expires_comes_out_as_deleted(server: RedisServer, client: Any) -> None:
    store = make_store(server.address)
    await store.open()
    await client.set("a", "1")
    updates = await store.watch(["a"], {})
    await client.pexpire("a", 10)
    assert await anext(updates) == {"a": Setting("")}
    await updates.aclose()
    await store.close()


@pytest.mark.parametrize(("before", "after"), [("", "Kg$xe"), ("KEA", "KEA"), ("Eg", "Eg$Kxe"), ("Kg$xe", "Kg$xe")])
async def test_notifications_are_turned_on_and_others_kept(
    server: RedisServer, client: Any, before: str, after: str
) -> None:
    await client.config_set("notify-keyspace-events", before)
    store = make_store(server.address)
    await store.open()
    updates = await store.watch(["a"], {})
    flags = (await client.config_get("notify-keyspace-events"))["notify-keyspace-events"]
    assert set(flags.replace("A", "g$lshzxetd")) >= set(after.replace("A", "g$lshzxetd"))
    await client.set("a", "1")
    assert await anext(updates) == {"a": Setting("1")}
    await updates.aclose()
    await store.close()


async def test_server_without_config_is_watched_all_the_same(
    server: RedisServer, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await client.config_set("notify-keyspace-events", "Kg$xe")
    await client.acl_setuser(
        "app", enabled=True, passwords=["+pw"], keys=["*"], channels=["*"], commands=["+@all", "-config"]
    )
    store = make_store(server.address, redisUsername="app", redisPassword="pw")
    await store.open()
    updates = await store.watch(["a"], {})
    assert "notify-keyspace-events must hold Kg$xe" in caplog.text
    await client.set("a", "1")
    assert await anext(updates) == {"a": Setting("1")}
    await updates.aclose()
    await store.close()
    await client.acl_deluser("app")


async def test_what_is_changed_while_the_connection_is_cut_comes_out(server: RedisServer, client: Any) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    clock = VirtualClock()
    store = make_store(f"127.0.0.1:{proxy.port}", clock)
    await store.open()
    await client.mset({"a": "1", "b": "1", "c": "1"})
    updates = await store.watch(["a", "b", "c"], {})
    waiting = asyncio.ensure_future(anext(updates))
    proxy.cut()
    await eventually(lambda: clock.sleepers == 1)
    await client.set("a", "2")
    await client.delete("b")
    await clock.advance(1)
    assert await waiting == {"a": Setting("2"), "b": Setting("")}
    await client.set("c", "3")
    assert await anext(updates) == {"c": Setting("3")}
    await updates.aclose()
    await store.close()
    await proxy.stop()


async def test_silence_of_the_server_is_noticed(
    server: RedisServer, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_SILENCE", 0.02)
    proxy = Proxy(server.port)
    await proxy.start()
    clock = VirtualClock()
    store = make_store(f"127.0.0.1:{proxy.port}", clock)
    await store.open()
    updates = await store.watch(["a"], {})
    waiting = asyncio.ensure_future(anext(updates))
    await asyncio.wait({waiting}, timeout=0.2)
    assert clock.sleepers == 0  # a server that has nothing to tell answers when it is asked
    proxy.stall()
    await eventually(lambda: clock.sleepers == 1)
    assert "the server is silent" in caplog.text
    proxy.mend()
    await client.set("a", "1")
    await clock.advance(1)
    assert await waiting == {"a": Setting("1")}
    await updates.aclose()
    await store.close()
    await proxy.stop()


async def test_watching_goes_on_after_a_restart(own_server: RedisServer) -> None:
    store = make_store(own_server.address, SystemClock())
    await store.open()
    updates = await store.watch([], {})
    own_server.restart()
    own_server.say("SET", "a", "1")
    assert await anext(updates) == {"a": Setting("1")}
    assert await store.get(["a"], {}) == {"a": Setting("1")}
    own_server.say("SET", "a", "2")
    assert await anext(updates) == {"a": Setting("2")}
    await updates.aclose()
    await store.close()


async def test_server_that_is_away_is_not_watched(own_server: RedisServer) -> None:
    store = make_store(own_server.address, redisMaxRetries=-1)
    await store.open()
    own_server.stop()
    with pytest.raises(NotReady, match="does not answer"):
        await store.watch(["a"], {})
    with pytest.raises(Unavailable):
        await store.get(["a"], {})
    await store.close()


async def test_cluster_cannot_be_watched() -> None:
    with pytest.raises(DefinitionError, match="cannot watch the keys of a Redis Cluster"):
        await make_store("127.0.0.1:1", redisType="cluster").watch([], {})
