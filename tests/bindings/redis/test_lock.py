from __future__ import annotations

from typing import Any

import pytest

from bindings.contract import Lock, Unlocked
from bindings.redis import lock_component
from engine.errors import DefinitionError, Unavailable
from tests.bindings.fakes import context
from tests.bindings.locks import LockConformance
from tests.bindings.redis.server import RedisServer


def make_lock(address: str, **more: Any) -> Lock:
    assert lock_component.lock is not None
    metadata = lock_component.metadata.model_validate({"redisHost": address, **more})
    return lock_component.lock(metadata, context("locks"))


@pytest.mark.usefixtures("client")
class TestRedisLock(LockConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer) -> None:
        self.address = server.address

    async def make(self) -> Lock:
        return make_lock(self.address)


async def test_lock_of_dapr_is_respected(server: RedisServer, client: Any) -> None:
    lock = make_lock(server.address)
    await lock.open()
    await client.set("lock||app||job", "dapr", px=60_000, nx=True)
    assert not await lock.acquire("lock||app||job", "me", 60)
    assert await lock.release("lock||app||job", "me") is Unlocked.OTHER_OWNER
    assert await lock.release("lock||app||job", "dapr") is Unlocked.DONE
    assert await lock.acquire("lock||app||job", "me", 60)
    assert await client.get("lock||app||job") == b"me"
    assert 59_000 < await client.pttl("lock||app||job") <= 60_000
    await lock.close()


async def test_script_is_sent_again_to_a_server_that_has_lost_it(server: RedisServer, client: Any) -> None:
    lock = make_lock(server.address)
    await lock.open()
    for _ in range(2):
        await client.script_flush()
        assert await lock.acquire("a", "me", 60)
        assert await lock.release("a", "me") is Unlocked.DONE
    await lock.close()


async def test_key_that_is_no_lock_is_an_error(server: RedisServer, client: Any) -> None:
    lock = make_lock(server.address)
    await lock.open()
    await client.rpush("a", "1")
    with pytest.raises(Exception, match="WRONGTYPE"):
        await lock.release("a", "me")
    await lock.close()


async def test_server_that_went_away_is_unavailable(own_server: RedisServer) -> None:
    lock = make_lock(own_server.address, redisMaxRetries=-1)
    await lock.open()
    assert await lock.acquire("a", "me", 60)
    own_server.stop()
    with pytest.raises(Unavailable):
        await lock.acquire("b", "me", 60)
    with pytest.raises(Unavailable):
        await lock.release("a", "me")
    own_server.start()
    assert await lock.release("a", "me") is Unlocked.DONE
    await lock.close()


async def test_cluster_is_refused() -> None:
    with pytest.raises(DefinitionError, match="cannot use a Redis Cluster"):
        await make_lock("127.0.0.1:1", redisType="cluster").open()
