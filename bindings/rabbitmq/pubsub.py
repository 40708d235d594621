"""Topics in RabbitMQ, as Dapr has them: an exchange for each, and a queue for each consumer of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError
from pydantic import ValidationError

from bindings.contract import InputBinding, Publication, Subscription
from bindings.rabbitmq.connection import RabbitMqConnection
from bindings.rabbitmq.input import QueueReader
from bindings.rabbitmq.message import properties_of_publication
from bindings.rabbitmq.publisher import Outgoing, Publisher
from bindings.rabbitmq.topic_metadata import TopicMetadata, TopicOptions
from bindings.rabbitmq.topology import declare_exchange, declare_subscription
from engine.errors import DefinitionError, EventError, NotReady, Permanent, Unavailable


class RabbitMqPubSub:
    """One connection for all that is published, and one for all subscriptions."""

    def __init__(self, metadata: TopicMetadata, name: str) -> None:
        self._metadata = metadata
        shown = metadata.client_name or name
        self._writing = RabbitMqConnection(metadata, shown, metadata.heart_beat)
        self._reading = _Shared(RabbitMqConnection(metadata, shown, metadata.heart_beat))
        self._connecting = asyncio.Lock()
        self._publisher: Publisher | None = None
        self._declared: set[str] = set()

    async def open(self) -> None:
        await self._connect("")

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        written = [self._written(topic, publication) for publication in publications]
        messages = [one for one in written if isinstance(one, Outgoing)]
        try:
            await self._connect("")
        except (NotReady, DefinitionError) as error:  # a login that is refused says nothing about the messages
            return [one if isinstance(one, Permanent) else Unavailable(str(error)) for one in written]
        try:
            publisher = await self._connect(topic)
            confirmed = iter(await publisher.publish(messages) if messages else ())
        except NotReady as error:
            return [one if isinstance(one, Permanent) else Unavailable(str(error)) for one in written]
        except (DefinitionError, ValueError) as error:
            return [Permanent(str(error)) for _ in written]
        return [one if isinstance(one, Permanent) else next(confirmed) for one in written]

    def subscribe(self, subscription: Subscription) -> InputBinding:
        try:
            options = TopicOptions.model_validate(dict(subscription.metadata))
        except ValidationError as error:
            first = error.errors()[0]
            message = f"the subscription to {subscription.topic} has a wrong {first['loc'][0]}: {first['msg']}"
            raise DefinitionError(message) from error
        return _Topic(self._reading, subscription, self._metadata, options)

    async def close(self) -> None:
        self._publisher = None
        await self._writing.close()
        await self._reading.close()

    def _written(self, topic: str, publication: Publication) -> Outgoing | Permanent:
        try:
            properties = properties_of_publication(publication, self._metadata)
        except Permanent as error:
            return error
        return Outgoing(topic, publication.metadata.get("routingKey", ""), properties, publication.data)

    async def _connect(self, topic: str) -> Publisher:
        """The publisher, with the exchange of the topic declared."""
        async with self._connecting:
            if self._publisher is None or self._publisher.problem:
                self._declared.clear()
                await self._writing.close()
                await self._writing.open()
                self._publisher, _ = await self._writing.publisher("RabbitMQ", _nothing)
            # An exchange that is deleted with its last queue may be gone since it was declared.
            is_sure = topic in self._declared and not self._metadata.deleted_when_unused
            if topic and not is_sure:
                await self._writing.declare(lambda channel: declare_exchange(channel, topic, self._metadata))
                self._declared.add(topic)
            return self._publisher


class _Shared:
    """The connection of all subscriptions, opened again by the first of them that needs it."""

    def __init__(self, connection: RabbitMqConnection) -> None:
        self._connection = connection
        self._opening = asyncio.Lock()

    async def opened(self) -> RabbitMqConnection:
        async with self._opening:
            if not self._connection.is_open:
                await self._connection.close()
                await self._connection.open()
            return self._connection

    async def close(self) -> None:
        await self._connection.close()


class _Topic(QueueReader):
    """On a channel of its own."""

    def __init__(
        self, connection: _Shared, subscription: Subscription, metadata: TopicMetadata, options: TopicOptions
    ) -> None:
        super().__init__(rejects=metadata.enable_dead_letter)
        self._connection = connection
        self._subscription = subscription
        self._metadata = metadata
        self._options = options
        self._channel: AbstractChannel | None = None

    async def open(self) -> None:
        connection = await self._connection.opened()
        self._deliveries, self._channel = await connection.consume(self._metadata.prefetch_count, self._declare)

    async def close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            with suppress(AMQPError, OSError, RuntimeError):  # it is gone already
                await channel.close()

    async def _declare(self, channel: AbstractChannel) -> str:
        self.queue = await declare_subscription(channel, self._subscription, self._metadata, self._options)
        return self.queue


async def _nothing(channel: AbstractChannel) -> None:
    """Exchanges are declared when they are first published to."""
