from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from tests.bindings.redis.server import RedisServer
from tests.integration.faults import component

_READER = "copy"  # the pipeline, which is the group


class RedisStreams(RedisServer):
    """`source` and `target` are topics of one pub/sub."""

    source, target = "{pubsub: streams, topic: source}", "{pubsub: streams, topic: target}"

    def components(self, port: int) -> str:
        return component("streams", "pubsub.redis", {"redisHost": f"127.0.0.1:{port}"})

    async def fill(self, bodies: Sequence[bytes]) -> None:
        async with Redis(port=self.port) as client:
            pipeline = client.pipeline(transaction=False)
            for number, body in enumerate(bodies):
                pipeline.xadd("source", {"data": _event(number, body)})
            await pipeline.execute()

    async def waiting(self, place: str) -> int:
        async with Redis(port=self.port) as client:
            if place == "source":
                return len(await _left(client))
            return int(await client.xlen(place))

    async def take_all(self, place: str) -> Sequence[bytes]:
        async with Redis(port=self.port) as client:
            entries: Any = await (_left(client) if place == "source" else client.xrange(place))
            return [json.dumps(json.loads(fields[b"data"])["data"]).encode() for _, fields in entries]


async def _left(client: Any) -> list[Any]:
    """What nobody has acknowledged: pending, or not given out yet."""
    pending = await client.xpending_range("source", _READER, "-", "+", 1_000_000)
    [group] = [one for one in await client.xinfo_groups("source") if one["name"] == _READER.encode()]
    new = await client.xrange("source", min=f"({group['last-delivered-id'].decode()}")
    old = [(await client.xrange("source", one["message_id"], one["message_id"]))[0] for one in pending]
    return [*old, *new]


def _event(number: int, body: bytes) -> bytes:
    """As Dapr publishes it."""
    return b'{"specversion":"1.0","id":"%d","source":"tests","type":"com.dapr.event.sent","data":%s}' % (number, body)
