from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bindings.contract import Outcome, Received, Settled
from bindings.rabbitmq.connection import RabbitMqConnection
from bindings.rabbitmq.deliveries import Deliveries
from bindings.rabbitmq.message import received
from bindings.rabbitmq.metadata import RabbitMqMetadata


class RabbitMqInput:
    """Reads one queue. Messages that are not settled come again when the connection ends, to whoever reads then."""

    redelivery: Literal["native"] = "native"
    _deliveries: Deliveries

    def __init__(self, metadata: RabbitMqMetadata, name: str) -> None:
        self._queue = metadata.queue_name
        self._connection = RabbitMqConnection(metadata, name)

    async def open(self) -> None:
        await self._connection.open()
        self._deliveries = await self._connection.consume()

    async def read(self, limit: int) -> Sequence[Received]:
        deliveries = self._deliveries
        messages = []
        for delivery in await deliveries.take(limit):
            message = received(delivery, self._queue)
            message.handle = (deliveries, delivery.tag)
            messages.append(message)
        return messages

    async def settle(self, settled: Sequence[Settled]) -> None:
        # A tag is of one channel: what was given out before a reconnect is not ours to acknowledge any more.
        mine = [one for one in settled if one.received.handle[0] is self._deliveries]
        back = [one.received.handle[1] for one in mine if one.outcome is Outcome.RELEASED]
        done = [one.received.handle[1] for one in mine if one.outcome is not Outcome.RELEASED]
        await self._deliveries.settle(done, back)

    async def close(self) -> None:
        await self._connection.close()
