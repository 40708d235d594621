from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bindings.contract import Clock, Outcome, Received, Settled, Subscription
from bindings.nats.acknowledgements import acknowledge
from bindings.nats.connection import NatsConnection
from bindings.nats.consumer import bind
from bindings.nats.deliveries import Deliveries
from bindings.nats.message import received
from bindings.nats.metadata import JetStreamMetadata
from engine.errors import DefinitionError, NotReady, Unavailable


class JetStreamTopic:
    """Reads one subject through a durable consumer, which all readers of one name share.

    A message is acknowledged on a subject of its own, so what was read over one connection is settled
    over another, and its work is not done twice.
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

    async def open(self) -> None:
        link = await self._connection.link()
        consumer = await bind(link.jetstream, self._metadata, self._subscription)
        self._deliveries = Deliveries(link, consumer, self._clock)
        await self._deliveries.start()

    async def read(self, limit: int) -> Sequence[Received]:
        if self._deliveries is None:
            raise NotReady("the topic is closed")
        return [received(message) for message in await self._deliveries.take(limit)]

    async def settle(self, settled: Sequence[Settled]) -> None:
        deliveries = self._deliveries
        if deliveries is None:
            raise Unavailable("the topic is closed")
        back = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        done = [one.received.handle for one in settled if one.outcome is not Outcome.RELEASED]
        try:
            link = await self._connection.link()
        except (NotReady, DefinitionError) as error:
            raise Unavailable(str(error)) from error
        await acknowledge(link, done, back)
        deliveries.settled((*back, *done))

    async def close(self) -> None:
        deliveries, self._deliveries = self._deliveries, None
        if deliveries is not None:
            await deliveries.stop()
