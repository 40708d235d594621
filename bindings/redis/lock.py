"""Locks as Dapr's lock.redis has them: a key with its owner as the value, which expires.

Source: dapr/components-contrib, lock/redis/standalone.go; https://redis.io/docs/latest/commands/set/ (patterns).
"""

from __future__ import annotations

from typing import Any

from bindings.contract import Context, Unlocked
from bindings.redis.connection import RedisConnection
from bindings.redis.failure import FAILURES
from bindings.redis.metadata import RedisLockMetadata
from bindings.redis.scripts import Script
from engine.errors import DefinitionError

_RELEASE = Script("""
local owner = redis.call('GET', KEYS[1])
if not owner then
  return 1
end
if owner ~= ARGV[1] then
  return 2
end
redis.call('DEL', KEYS[1])
return 0
""")


class RedisLock:
    def __init__(self, metadata: RedisLockMetadata, context: Context) -> None:
        self._cluster = metadata.redis_type == "cluster"
        self._connection = RedisConnection(metadata, context.name)

    async def open(self) -> None:
        if self._cluster:
            # A replica of a cluster may take over without having heard of the lock.
            raise DefinitionError("lock.redis cannot use a Redis Cluster", hint="name one server, or sentinels")
        await self._connection.open()

    async def acquire(self, resource: str, owner: str, seconds: float) -> bool:
        """Raises an `EventError`."""
        try:
            answer = await self._connection.run("SET", resource, owner, "NX", "PX", max(1, int(seconds * 1000)))
        except FAILURES as error:
            raise self._connection.of_operation(error) from error
        return answer is not None

    async def release(self, resource: str, owner: str) -> Unlocked:
        """Raises an `EventError`."""
        try:
            answer: Any = (await _RELEASE.run(self._connection, [_RELEASE.call([resource], [owner])]))[0]
        except FAILURES as error:
            answer = error
        if isinstance(answer, Exception):
            raise self._connection.of_operation(answer) from answer
        return Unlocked(answer)

    async def close(self) -> None:
        await self._connection.close()
