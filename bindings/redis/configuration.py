"""Settings as Dapr's configuration.redis keeps them: texts like `value||version`, watched by keyspace notifications.

Source: dapr/components-contrib, configuration/redis/redis.go and internal/redis_value.go;
https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.exceptions import ResponseError

from bindings.contract import Context, Setting
from bindings.redis.connection import RedisConnection
from bindings.redis.failure import FAILURES
from bindings.redis.metadata import RedisConfigurationMetadata
from engine.errors import DefinitionError, NotReady

_log = logging.getLogger("jackfield.configuration")
_NEEDED = "Kg$xe"  # by keyspace: generic and text commands, expired and evicted keys
_AGAIN = 1.0  # seconds until a watcher that lost its connection tries again
_SILENCE = 5.0  # seconds after which a watcher asks whether the server is still there


class RedisConfiguration:
    def __init__(self, metadata: RedisConfigurationMetadata, context: Context) -> None:
        self._metadata = metadata
        self._name = context.name
        self._clock = context.clock
        self._connection = RedisConnection(metadata, context.name)

    async def open(self) -> None:
        await self._connection.open()

    async def get(self, keys: Sequence[str], metadata: Mapping[str, str]) -> Mapping[str, Setting]:
        """Raises an `EventError`. Keys that hold something else than a text are left out, as Dapr leaves them out."""
        try:
            return await _get(self._connection, keys)
        except FAILURES as error:
            raise self._connection.of_operation(error) from error

    async def watch(
        self, keys: Sequence[str], metadata: Mapping[str, str]
    ) -> AsyncGenerator[Mapping[str, Setting], None]:
        """Raises `DefinitionError` for what a person must change, `NotReady` when the server does not answer."""
        if self._metadata.redis_type == "cluster":
            hint = "name one server, or sentinels: each node of a cluster tells of its own keys only"
            raise DefinitionError("configuration.redis cannot watch the keys of a Redis Cluster", hint=hint)
        updates = self._updates(keys)
        await anext(updates)  # it watches from here on
        return updates

    async def close(self) -> None:
        await self._connection.close()

    async def _updates(self, keys: Sequence[str]) -> AsyncGenerator[Mapping[str, Setting], None]:
        """First nothing, when it watches; then what is changed, also while the connection was lost."""
        known: dict[str, Setting] | None = None
        while True:
            # Of its own, and without tries behind our back: while it is cut off, changes pass by.
            connection = RedisConnection(self._metadata, self._name, blocks=0.0)
            try:
                await connection.open()
                async with connection.client.pubsub() as watcher:
                    await self._subscribe(connection, watcher, keys)
                    now = await _get(connection, keys)
                    changed = {} if known is None else _changes(known, now)
                    if known is None or changed:
                        yield changed
                    known = now
                    async for touched in self._touched(watcher):
                        before = {key: known.pop(key) for key in touched if key in known}
                        now = await _get(connection, touched)
                        known |= now
                        if changed := _changes(before, now):
                            yield changed
            except (*FAILURES, NotReady) as error:
                if known is None:
                    raise error if isinstance(error, NotReady) else connection.of_opening(error) from error
                _log.warning("%s: settings are not watched, next try in %.1f s: %s", self._name, _AGAIN, error)
                await self._clock.sleep(_AGAIN)
            finally:
                await connection.close()

    async def _subscribe(self, connection: RedisConnection, watcher: PubSub, keys: Sequence[str]) -> None:
        """Returns when the server has confirmed each."""
        await self._turn_notifications_on(connection)
        channels = [f"{self._channel}{key}" for key in dict.fromkeys(keys)]
        if channels:
            await watcher.subscribe(*channels)
        else:
            await watcher.psubscribe(f"{self._channel}*")
        for _ in channels or ("*",):
            await watcher.parse_response(block=True)

    async def _turn_notifications_on(self, connection: RedisConnection) -> None:
        """What is on already stays on. A server that a vendor runs has no CONFIG: there a person turns it on."""
        try:
            _, flags = await connection.run("CONFIG", "GET", "notify-keyspace-events")
            has = flags.decode()
            missing = set(_NEEDED) - set(has) - (set("g$xe") if "A" in has else set())
            if missing:
                await connection.run("CONFIG", "SET", "notify-keyspace-events", has + "".join(sorted(missing)))
        except ResponseError as error:
            text = "%s: notify-keyspace-events must hold %s, and cannot be seen or set: %s"
            _log.warning(text, self._name, _NEEDED, error)

    async def _touched(self, watcher: PubSub) -> AsyncGenerator[list[str], None]:
        """The keys that something was done with, all that are known at once."""
        asked = False
        while True:
            message: Any = await watcher.get_message(timeout=_SILENCE)
            if message is None and asked:
                raise ConnectionError("the server is silent")
            asked = message is None
            if asked:
                await watcher.ping()
            keys: dict[str, None] = {}
            while message is not None:
                if message["type"] in ("message", "pmessage"):
                    keys[message["channel"].decode().removeprefix(self._channel)] = None
                message = await watcher.get_message(timeout=0)
            if keys:
                yield list(keys)

    @property
    def _channel(self) -> str:
        return f"__keyspace@{self._metadata.redis_db}__:"


async def _get(connection: RedisConnection, keys: Sequence[str]) -> dict[str, Setting]:
    """The settings of those keys that have one; of all keys when none is named."""
    keys = keys or await _all_keys(connection.client)
    found: dict[str, Setting] = {}
    for key, answer in zip(keys, await connection.run_all([["GET", key] for key in keys]), strict=True):
        if isinstance(answer, Exception):
            if "WRONGTYPE" not in str(answer):
                raise answer
        elif answer and (setting := _setting(answer)).value:
            found[key] = setting
    return found


async def _all_keys(client: Redis | RedisCluster) -> list[str]:
    keys = {key.decode(errors="replace"): None async for key in client.scan_iter(count=1000, _type="string")}
    return list(keys)


def _changes(before: Mapping[str, Setting], now: Mapping[str, Setting]) -> dict[str, Setting]:
    changed = {key: setting for key, setting in now.items() if before.get(key) != setting}
    return changed | {key: Setting("") for key in before if key not in now}


def _setting(data: bytes) -> Setting:
    value, *rest = data.decode(errors="replace").split("||")
    return Setting(value, rest[0] if rest else "")
