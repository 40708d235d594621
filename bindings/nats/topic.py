from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bindings.contract import Clock, Outcome, Received, Settled, Subscription
from bindings.nats.connection import NatsConnection
from bindings.nats.consumer import bind
from bindings.nats.deliveries import Deliveries
from bindings.nats.message import received
from bindings.nats.metadata import JetStreamMetadata
from engine.errors import EventError, NotReady, Unavailable


class JetStreamTopic:
    """Reads one subject through a durable consumer, which all readers of one name share.

    A message is acknowledged on a subject of its own, so what was read before a reconnect is settled after it.
    """

    redelivery: Literal["native"] = "native"

    def __init__(
        self, connection: NatsConnection, metadata: JetStreamMetadata, subscription: Subscription, clock: Clock
    ) -> None:
        self._connection = connection
        self._metadata = metadata
        self._subscription = subscription
        self._clock = clock
        self._deliveries: Deliveries | None = None
        self._unread: list[str] = []  # came before the connection was lost, and nobody has seen it

    async def open(self) -> None:
        link = await self._connection.link()
        consumer = await bind(link.jetstream, self._metadata, self._subscription)
        deliveries = Deliveries(link, consumer, self._clock)
        self._deliveries = deliveries
        await deliveries.start()
        try:
            await deliveries.settle([], self._unread)
        except EventError:
            return  # the server gives them out again by itself, when nobody acknowledges them
        self._unread.clear()

    async def read(self, limit: int) -> Sequence[Received]:
        if self._deliveries is None:
            raise NotReady("the topic is closed")
        return [received(message) for message in await self._deliveries.take(limit)]

    async def settle(self, settled: Sequence[Settled]) -> None:
        if self._deliveries is None:
            raise Unavailable("the topic is closed")
        back = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        done = [one.received.handle for one in settled if one.outcome is not Outcome.RELEASED]
        await self._deliveries.settle(done, back)

    async def close(self) -> None:
        deliveries, self._deliveries = self._deliveries, None
        if deliveries is not None:
            self._unread += await deliveries.stop()
