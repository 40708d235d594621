"""Redis streams: how many messages a second are published, and read and acknowledged, beside the client's own loop.

The loop is as tight as redis-py allows: a pipeline of XADD; XREADGROUP with COUNT, and one XACK for what it brought.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks.table import row
from bindings.contract import Outcome, Publication, Settled, Subscription
from bindings.redis.metadata import RedisPubSubMetadata
from bindings.redis.pubsub import RedisPubSub
from tests.bindings.fakes import context
from tests.bindings.redis.server import RedisServer

MESSAGES = 50_000
DATA = (
    b'{"specversion":"1.0","id":"1","source":"shop","type":"com.dapr.event.sent","datacontenttype":"application/json",'
    b'"data":{"n":12345,"customer":"zoe","article":"tea"}}'
)


async def by_client(server: RedisServer, batch: int) -> tuple[float, float]:
    """Messages a second: published, read."""
    async with Redis(port=server.port) as client:
        await client.xgroup_create("loop", "group", "0", mkstream=True)

        async def publish() -> int:
            pipeline: Any = client.pipeline(transaction=False)
            for _ in range(batch):
                pipeline.xadd("loop", {"data": DATA})
            await pipeline.execute()
            return batch

        async def read() -> int:
            found: Any = await client.xreadgroup("group", "consumer", {"loop": ">"}, count=batch)
            entries = found[0][1]
            await client.xack("loop", "group", *[id for id, _ in entries])
            return len(entries)

        return await rate(publish), await rate(read)


async def by_component(server: RedisServer, batch: int) -> tuple[float, float]:
    metadata = RedisPubSubMetadata.model_validate({"redisHost": server.address, "queueDepth": batch})
    pubsub = RedisPubSub(metadata, context("shop"))
    await pubsub.open()
    topic = pubsub.subscribe(Subscription("topic", "group"))
    await topic.open()
    publications = [Publication(DATA, "application/cloudevents+json")] * batch

    async def publish() -> int:
        return (await pubsub.publish("topic", publications)).count(None)

    async def read() -> int:
        received = await topic.read(batch)
        await topic.settle([Settled(message, Outcome.DONE) for message in received])
        return len(received)

    try:
        return await rate(publish), await rate(read)
    finally:
        await topic.close()
        await pubsub.close()


async def rate(step: Callable[[], Awaitable[int]]) -> float:
    start, done = time.perf_counter(), 0
    while done < MESSAGES:
        done += await step()
    return done / (time.perf_counter() - start)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), 'save ""', durable=False)
        server.start()
        try:
            for batch in (100, 1000):
                ours = asyncio.run(by_component(server, batch))
                loop = asyncio.run(by_client(server, batch))
                server.say("FLUSHALL")
                for what, own, other in zip(("published", "read and settled"), ours, loop, strict=True):
                    row(f"redis: {what}, {batch} at a time", f"{own:,.0f} / s", f"client: {other:,.0f}")
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
