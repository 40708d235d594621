from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, TimeoutError

from bindings.redis.connection import RedisConnection
from bindings.redis.failure import FAILURES, is_passing
from bindings.redis.settings import RedisSettings
from engine.errors import DefinitionError, NotReady
from tests.bindings.redis.server import RedisSentinel, RedisServer
from tests.proxy import Proxy


def connection(address: str, name: str = "orders", **more: Any) -> RedisConnection:
    return RedisConnection(RedisSettings.model_validate({"redisHost": address, **more}), name)


async def ping(address: str, **more: Any) -> Any:
    one = connection(address, **more)
    try:
        await one.open()
        return await one.run("PING")
    finally:
        await one.close()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that wants a password."""
    server = RedisServer(tmp_path_factory.mktemp("locked"), "user app on >pw ~* &* +@all", password="s3cret")
    server.start()
    yield server
    server.stop()


async def test_password_and_user(locked: RedisServer) -> None:
    assert await ping(locked.address, redisPassword="s3cret") == b"PONG"
    assert await ping(locked.address, redisUsername="app", redisPassword="pw") == b"PONG"


@pytest.mark.parametrize("login", [{}, {"redisPassword": "wr0ng"}, {"redisUsername": "app", "redisPassword": "wr0ng"}])
async def test_wrong_login_is_refused_without_showing_it(locked: RedisServer, login: dict[str, str]) -> None:
    with pytest.raises(DefinitionError, match="refused the login") as caught:
        await ping(locked.address, **login)
    assert "wr0ng" not in str(caught.value)
    assert "redisPassword" in caught.value.hint


async def test_password_at_a_server_that_wants_none_is_refused(server: RedisServer) -> None:
    with pytest.raises(DefinitionError):
        await ping(server.address, redisPassword="s3cret")


async def test_user_without_the_permission_is_told_so(server: RedisServer, client: Any) -> None:
    await client.acl_setuser("blind", enabled=True, passwords=["+pw"], commands=["-@all", "+client"])
    with pytest.raises(DefinitionError, match="ping"):
        await ping(server.address, redisUsername="blind", redisPassword="pw")
    await client.acl_deluser("blind")


async def test_server_that_is_not_there_is_not_ready() -> None:
    with pytest.raises(NotReady, match=r"Redis at 127.0.0.1:1 does not answer"):
        await ping("127.0.0.1:1", redisMaxRetries=-1)


async def test_server_that_is_silent_is_not_ready(server: RedisServer) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    proxy.stall()
    with pytest.raises(NotReady):
        await ping(f"127.0.0.1:{proxy.port}", readTimeout="50ms", redisMaxRetries=-1)
    await proxy.stop()


async def test_command_is_tried_again_when_its_connection_broke(server: RedisServer) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    one = connection(f"127.0.0.1:{proxy.port}")
    await one.open()
    for _ in range(3):
        proxy.cut()
        assert await one.run("PING") == b"PONG"
        proxy.cut()
        assert await one.run_all([["PING"], ["PING"]]) == [b"PONG", b"PONG"]
    await one.close()
    await proxy.stop()


async def test_limits_of_zero_are_the_usual_ones_and_below_zero_there_are_none(server: RedisServer) -> None:
    names = ("dialTimeout", "readTimeout", "poolTimeout", "redisMinRetryInterval", "redisMaxRetryInterval")
    for value in ("0", "-1"):
        assert await ping(server.address, poolSize="0", redisMaxRetries="0", **dict.fromkeys(names, value)) == b"PONG"


async def test_database_is_the_one_of_the_settings(server: RedisServer, client: Any) -> None:
    one = connection(server.address, redisDB="5")
    await one.open()
    await one.run("SET", "a", "1")
    await one.close()
    other = Redis(port=server.port, db=5)
    assert await other.get("a") == b"1"
    await other.aclose()


async def test_connection_is_named_after_its_component(server: RedisServer, client: Any) -> None:
    one = connection(server.address, name="new orders/grün")
    await one.open()
    assert "jackfield-newordersgrn" in {facts["name"] for facts in await client.client_list()}
    await one.close()


async def test_pool_is_as_big_as_it_is_said(server: RedisServer, client: Any) -> None:
    one = connection(server.address, name="pool", poolSize="2", poolTimeout="5s")
    await one.open()
    await asyncio.gather(*(one.run("PING") for _ in range(10)))
    assert sum(facts["name"] == "jackfield-pool" for facts in await client.client_list()) <= 2
    await one.close()


async def test_command_that_waits_too_long_for_a_connection_fails(server: RedisServer) -> None:
    one = connection(server.address, poolSize="1", poolTimeout="10ms", redisMaxRetries=-1)
    await one.open()
    waiting = asyncio.create_task(one.run("BLPOP", "never", "0.2"))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionError):
        await one.run("PING")
    assert await waiting is None
    await one.close()


async def test_close_is_allowed_at_any_time_and_it_opens_again(server: RedisServer) -> None:
    one = connection(server.address)
    await one.close()
    with pytest.raises(ConnectionError, match="it is closed"):
        await one.run("PING")
    for _ in range(2):
        await one.open()
        assert await one.run("PING") == b"PONG"
    await one.close()
    await one.close()


async def test_server_that_was_made_a_replica_is_left(own_server: RedisServer) -> None:
    own = own_server
    one = connection(own.address)
    await one.open()
    before = await one.run("CLIENT", "ID")
    own.say("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(Exception, match="read only replica"):
        await one.run("SET", "a", "1")
    assert isinstance((await one.run_all([["SET", "a", "1"]]))[0], Exception)
    assert await one.run("CLIENT", "ID") > before
    own.say("REPLICAOF", "NO", "ONE")
    assert await one.run("SET", "a", "1") == b"OK"
    await one.close()


async def failure(one: RedisConnection, *command: str) -> Exception | None:
    try:
        await one.run(*command)
    except FAILURES as error:
        return error
    return None


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[RedisSentinel]:
    servers = RedisSentinel(tmp_path)
    servers.start()
    yield servers
    servers.stop()


async def test_sentinels_lead_to_the_master_also_after_a_failover(servers: RedisSentinel) -> None:
    login = {"failover": "true", "sentinelMasterName": "orders", "sentinelPassword": "s3cret"}
    one = connection(servers.address, **login)
    await one.open()
    await one.run("SET", "a", "1")
    await one.run("WAIT", "1", "5000")
    servers.master.kill()
    async with asyncio.timeout(20):
        while (error := await failure(one, "SET", "b", "1")) is not None:
            assert is_passing(error) or isinstance(error, TimeoutError), error
    assert await one.run("GET", "a") == b"1"
    assert b"role:master" in servers.replica.say("INFO", "replication")
    await one.close()
    with pytest.raises((NotReady, DefinitionError)):
        await ping(servers.address, **{**login, "sentinelMasterName": "unknown"})
