from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aio_pika

from tests.bindings.rabbitmq.server import RabbitMq
from tests.integration.faults import component


class RabbitMqQueues(RabbitMq):
    """`source` and `target` are durable queues."""

    source, target = "{binding: source}", "{binding: target}"

    def components(self, port: int) -> str:
        host = f"amqp://guest:guest@127.0.0.1:{port}/"
        return "".join(
            component(name, "bindings.rabbitmq", {"host": host, "queueName": name, "durable": "true"})
            for name in ("source", "target")
        )

    async def fill(self, bodies: Sequence[bytes]) -> None:
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            await channel.declare_queue("source", durable=True)
            persistent = aio_pika.DeliveryMode.PERSISTENT
            for start in range(0, len(bodies), 500):
                messages = [
                    aio_pika.Message(body, delivery_mode=persistent, content_type="application/json")
                    for body in bodies[start : start + 500]
                ]
                await asyncio.gather(*(channel.default_exchange.publish(one, "source") for one in messages))

    async def waiting(self, place: str) -> int:
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(place, durable=True)
            return queue.declaration_result.message_count or 0

    async def take_all(self, place: str) -> Sequence[bytes]:
        found = []
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(place, durable=True)
            while (message := await queue.get(fail=False, no_ack=True)) is not None:
                found.append(message.body)
        return found
