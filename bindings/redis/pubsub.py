"""Topics as streams. Source: dapr/components-contrib, pubsub/redis/redis.go; https://redis.io/docs/latest/develop/data-types/streams/"""

from __future__ import annotations

from collections.abc import Sequence

from bindings.contract import Context, InputBinding, Publication, Subscription
from bindings.redis.connection import RedisConnection
from bindings.redis.failure import FAILURES
from bindings.redis.message import fields_of
from bindings.redis.metadata import RedisPubSubMetadata
from bindings.redis.topic import RedisTopic
from engine.errors import EventError


class RedisPubSub:
    def __init__(self, metadata: RedisPubSubMetadata, context: Context) -> None:
        self._metadata = metadata
        self._name = context.name
        self._clock = context.clock
        self._connection = RedisConnection(metadata, context.name)

    async def open(self) -> None:
        await self._connection.open()

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        head = ["XADD", topic, *self._trim(), "*"]
        try:
            answers = await self._connection.run_all([[*head, *fields_of(one)] for one in publications])
        except FAILURES as error:
            return [self._connection.of_operation(error)] * len(publications)
        return [self._connection.of_operation(one) if isinstance(one, Exception) else None for one in answers]

    def subscribe(self, subscription: Subscription) -> InputBinding:
        return RedisTopic(self._metadata, self._name, self._connection, subscription, self._clock)

    async def close(self) -> None:
        await self._connection.close()

    def _trim(self) -> list[str | int]:
        """Of whole nodes of the stream only, which costs next to nothing."""
        if self._metadata.max_len_approx:
            return ["MAXLEN", "~", self._metadata.max_len_approx]
        if self._metadata.stream_ttl:
            return ["MINID", "~", f"{int((self._clock.now() - self._metadata.stream_ttl) * 1000)}-1"]
        return []
