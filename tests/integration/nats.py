from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import nats
from nats.js.client import JetStreamContext

from tests.bindings.nats.server import Nats
from tests.integration.faults import component


class JetStreamTopics(Nats):
    """`source` and `target` are subjects of a stream that keeps a message until it is acknowledged."""

    source, target = "{pubsub: broker, topic: source}", "{pubsub: broker, topic: target}"

    def components(self, port: int) -> str:
        return component("broker", "pubsub.jetstream", {"natsURL": f"nats://127.0.0.1:{port}", "ackWait": "10s"})

    async def fill(self, bodies: Sequence[bytes]) -> None:
        async with self._stream() as stream:
            await stream.add_stream(name="FAULTS", subjects=["source", "target"])
            for start in range(0, len(bodies), 500):
                await asyncio.gather(*(stream.publish("source", body) for body in bodies[start : start + 500]))

    async def waiting(self, place: str) -> int:
        """In the target: all that were ever written. In the source: those that the pipeline has not acknowledged."""
        async with self._stream() as stream:
            if place == "target":
                subjects = (await stream.stream_info("FAULTS", subjects_filter=place)).state.subjects
                return (subjects or {}).get(place, 0)
            consumers = await stream.consumers_info("FAULTS")
            return sum((one.num_pending or 0) + (one.num_ack_pending or 0) for one in consumers)

    async def take_all(self, place: str) -> Sequence[bytes]:
        count, found = await self.waiting(place), list[bytes]()
        async with self._stream() as stream:
            durable = (await stream.consumers_info("FAULTS"))[0].name if place == "source" else None
            subscription = await stream.pull_subscribe(place, durable=durable, stream="FAULTS")
            while len(found) < count:
                for message in await subscription.fetch(500, timeout=30):
                    await message.ack()
                    found.append(_data(message.data))
        return found

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[JetStreamContext]:
        client = await nats.connect(self.url)
        try:
            yield client.jetstream()
        finally:
            await client.close()


def _data(body: bytes) -> bytes:
    """The pipeline writes CloudEvents, with the data in them."""
    value = json.loads(body)
    return json.dumps(value.get("data", value)).encode()
