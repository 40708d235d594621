from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aio_pika.abc import AbstractChannel

from bindings.contract import Outcome, Received, Settled
from bindings.rabbitmq.connection import RabbitMqConnection
from bindings.rabbitmq.deliveries import Deliveries
from bindings.rabbitmq.message import received
from bindings.rabbitmq.metadata import RabbitMqMetadata
from bindings.rabbitmq.topology import declare_queue


class QueueReader:
    """Reads one queue. Messages that are not settled come again when the channel ends, to whoever reads then.

    `rejects`: what became a dead letter goes where the queue sends its own.
    """

    redelivery: Literal["native"] = "native"
    queue: str
    _deliveries: Deliveries

    def __init__(self, *, rejects: bool = False) -> None:
        self._rejects = rejects

    async def read(self, limit: int) -> Sequence[Received]:
        deliveries = self._deliveries
        messages = []
        for delivery in await deliveries.take(limit):
            message = received(delivery, self.queue)
            message.handle = (deliveries, delivery.tag)
            messages.append(message)
        return messages

    async def settle(self, settled: Sequence[Settled]) -> None:
        # A tag is of one channel: what was given out before a reconnect is not ours to acknowledge any more.
        mine = [one for one in settled if one.received.handle[0] is self._deliveries]
        dead = [one.received.handle[1] for one in mine if self._rejects and one.outcome is Outcome.DEAD_LETTERED]
        back = [one.received.handle[1] for one in mine if one.outcome is Outcome.RELEASED]
        done = {one.received.handle[1] for one in mine}.difference(dead, back)
        await self._deliveries.settle(sorted(done), back, dead)


class RabbitMqInput(QueueReader):
    """On a connection of its own."""

    def __init__(self, metadata: RabbitMqMetadata, name: str) -> None:
        super().__init__()
        self._metadata = metadata
        self.queue = metadata.queue_name
        self._connection = RabbitMqConnection(metadata, name)

    async def open(self) -> None:
        await self._connection.open()
        self._deliveries, _ = await self._connection.consume(self._metadata.prefetch_count, self._declare)

    async def close(self) -> None:
        await self._connection.close()

    async def _declare(self, channel: AbstractChannel) -> str:
        await declare_queue(channel, self._metadata)
        return self.queue
