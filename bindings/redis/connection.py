"""The client of one component: of a node, of a cluster, or of the master that sentinels name."""

from __future__ import annotations

import asyncio
import os
import string
from collections.abc import Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, Sentinel, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError, ReadOnlyError

from bindings.redis import failure
from bindings.redis.lane import Command, exchange
from bindings.redis.settings import RedisSettings
from bindings.redis.tls import Tls
from engine.errors import EventError, JackfieldError

_CONNECTIONS_OF_A_CPU = 10
_DEFAULT_RETRIES = 3
_DIAL_TIMEOUT, _READ_TIMEOUT = 5.0, 3.0  # seconds
_SHORTEST_WAIT, _LONGEST_WAIT = 0.008, 0.512  # seconds between two tries
_OF_A_NAME = frozenset(string.ascii_letters + string.digits + "-_.")
# What the client of a cluster would make dicts, texts and truths of, and what all others give as it comes.
_AS_THEY_COME = ("XREADGROUP", "XAUTOCLAIM", "XCLAIM", "XPENDING", "SET")


class RedisConnection:
    """`blocks`: how many seconds a command of it may wait in the server; such a one is not tried again by itself."""

    def __init__(self, settings: RedisSettings, name: str, blocks: float | None = None) -> None:
        self._settings = settings
        self._name = name
        self._blocks = blocks
        self._tls: Tls | None = None
        self._sentinel: Sentinel | None = None
        self._client: Redis | RedisCluster | None = None

    @property
    def shown(self) -> str:
        return self._settings.shown

    @property
    def client(self) -> Redis | RedisCluster:
        if self._client is None:
            raise ConnectionError("it is closed")
        return self._client

    async def open(self) -> None:
        """Raises `DefinitionError` for what a person must change, `NotReady` when the server does not answer."""
        await self.close()
        self._tls = await asyncio.to_thread(Tls, self._settings)
        self._client = client = self._make(self._options(self._tls))
        try:
            if isinstance(client, RedisCluster):
                for command in _AS_THEY_COME:
                    client.response_callbacks.pop(command, None)
                await client.initialize()
            else:
                await self.run("PING")
        except failure.FAILURES as error:
            await self.close()
            raise self.of_opening(error) from error

    async def run(self, *command: bytes | str | int) -> Any:
        """The answer to a command; raises what redis-py raises (failure.FAILURES)."""
        [answer] = await self.run_all([command])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to commands that go out together, each the error that it failed with; raises as `run` does."""
        client = self.client
        if not commands:
            return []
        if isinstance(client, RedisCluster):
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return list(await pipeline.execute(raise_on_error=False))
        answers = await exchange(client, commands, self._timeout())
        if any(isinstance(answer, ReadOnlyError) for answer in answers):
            # The server was made a replica: the name may lead to another one now.
            await client.connection_pool.disconnect(inuse_connections=False)
        return answers

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        if isinstance(client, RedisCluster):
            for node in client.startup_nodes:  # which the client closes in the background, whenever that is
                await node.disconnect()
        if self._sentinel is not None:
            for sentinel in self._sentinel.sentinels:
                await sentinel.aclose()
            self._sentinel = None
        if self._tls is not None:
            self._tls.close()
            self._tls = None

    def of_opening(self, error: BaseException) -> JackfieldError:
        return failure.of_opening(error, self.shown)

    def of_operation(self, error: BaseException) -> EventError:
        return failure.of_operation(error, self.shown)

    def _make(self, options: dict[str, Any]) -> Redis | RedisCluster:
        wanted = self._settings
        if wanted.redis_type == "cluster":
            nodes = [ClusterNode(host, port) for host, port in wanted.addresses]
            return RedisCluster(startup_nodes=nodes, **options, **self._login())
        login = {**self._login(), "db": wanted.redis_db}
        if wanted.failover:
            of_sentinels = {**options, **self._sentinel_login()}
            self._sentinel = Sentinel(wanted.addresses, sentinel_kwargs=of_sentinels, **options, **login)  # type: ignore[no-untyped-call]
            master: Redis = self._sentinel.master_for(str(wanted.sentinel_master_name))
            return master
        host, port = wanted.addresses[0]
        secure = options.pop("ssl", False)
        pool: BlockingConnectionPool = BlockingConnectionPool(
            connection_class=SSLConnection if secure else Connection,
            timeout=self._pool_timeout(),
            host=host,
            port=port,
            **options,
            **login,
        )
        return Redis.from_pool(pool)

    def _options(self, tls: Tls) -> dict[str, Any]:
        wanted = self._settings
        return {
            **tls.options,
            "protocol": 2,
            "client_name": f"jackfield-{''.join(c for c in self._name if c in _OF_A_NAME)}",
            "socket_connect_timeout": _limit(wanted.dial_timeout, _DIAL_TIMEOUT),
            "socket_timeout": self._timeout(),
            "max_connections": wanted.pool_size or _CONNECTIONS_OF_A_CPU * (os.cpu_count() or 1),
            "retry": self._retry(),
        }

    def _login(self) -> dict[str, Any]:
        password = self._settings.redis_password
        return {
            "username": self._settings.redis_username or None,
            "password": password.get_secret_value() or None if password else None,
        }

    def _sentinel_login(self) -> dict[str, Any]:
        password = self._settings.sentinel_password
        return {
            "username": self._settings.sentinel_username or None,
            "password": password.get_secret_value() or None if password else None,
        }

    def _retry(self) -> Retry:
        wanted = self._settings
        retries = max(wanted.redis_max_retries, 0) if wanted.redis_max_retries else _DEFAULT_RETRIES
        longest = _limit(wanted.redis_max_retry_interval, _LONGEST_WAIT) or 0.0
        shortest = _limit(wanted.redis_min_retry_interval, _SHORTEST_WAIT) or 0.0
        backoff = ExponentialWithJitterBackoff(base=min(shortest, longest), cap=longest)
        return Retry(backoff, 0 if self._blocks is not None else retries)

    def _timeout(self) -> float | None:
        limit = _limit(self._settings.read_timeout, _READ_TIMEOUT)
        return None if limit is None else limit + (self._blocks or 0)

    def _pool_timeout(self) -> float | None:
        timeout = self._timeout()
        usual = None if timeout is None else timeout + 1
        return _limit(self._settings.pool_timeout or 0, usual)


def _limit(seconds: float, usual: float | None) -> float | None:
    """Below zero there is none, and zero is for the usual one, as Dapr's client takes them."""
    return None if seconds < 0 else seconds or usual
