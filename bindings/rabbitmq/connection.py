"""One connection to RabbitMQ, opened by aio-pika, and on it the channels whose messages go through lanes."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed, ProbableAuthenticationError

from bindings.rabbitmq.deliveries import Deliveries
from bindings.rabbitmq.metadata import RabbitMqMetadata
from bindings.rabbitmq.publisher import Publisher
from bindings.rabbitmq.tls import make_tls
from bindings.rabbitmq.wire import WireFactory
from engine.errors import DefinitionError, NotReady

_CONNECT_TIMEOUT = 15.0  # seconds
_HEARTBEAT = 10  # seconds: a server that is silent for three of them is gone
_PREFETCH = 1000
_FAILURES = (AMQPError, OSError, TimeoutError)

# They log what they raise as well, on every try, and with the password's neighbours.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class RabbitMqConnection:
    """One connection of one component; readers and writers have one each, so that a server that slows down its
    publishers does not hold up the acknowledgements (https://www.rabbitmq.com/docs/connections#flow-control).
    """

    def __init__(self, metadata: RabbitMqMetadata, name: str) -> None:
        self._metadata = metadata
        self._name = name
        self._factory = WireFactory()
        self._closing = AsyncExitStack()
        self._connection: aio_pika.Connection

    async def open(self) -> None:
        """Raises `DefinitionError` for what a person must change, `NotReady` when the server does not answer."""
        tls = await asyncio.to_thread(make_tls, self._metadata)
        self._factory = WireFactory()
        url = self._metadata.url.extend_query(name=f"jackfield {self._name}")
        url = url if "heartbeat" in url.query else url.extend_query(heartbeat=_HEARTBEAT)
        connection = aio_pika.Connection(url, ssl_context=tls)
        connection.kwargs["transport_factory"] = self._factory
        try:
            await connection.connect(timeout=_CONNECT_TIMEOUT)
        except ProbableAuthenticationError as error:
            hint = "the user, the password and the virtual host in `host`"
            raise DefinitionError(f"RabbitMQ at {self._metadata.shown} refused the login", hint=hint) from error
        except _FAILURES as error:
            raise self._not_ready(error) from error
        self._closing.push_async_callback(connection.close)
        self._connection = connection

    async def consume(self) -> Deliveries:
        """Declares the queue and begins to read it."""
        channel = await self._channel(publisher_confirms=False)
        try:
            await channel.set_qos(prefetch_count=self._metadata.prefetch_count or _PREFETCH)
            underlay = await channel.get_underlay_channel()
            deliveries = Deliveries(self._factory.wire, underlay.number)
            channel.close_callbacks.add(lambda _, error: deliveries.broken(_reason(error)))
            await underlay.basic_consume(self._metadata.queue_name, _never)
        except _FAILURES as error:
            raise self._not_ready(error) from error
        return deliveries

    async def publisher(self) -> Publisher:
        """Declares the queue; its confirms begin with 1."""
        channel = await self._channel(publisher_confirms=True)
        underlay = await channel.get_underlay_channel()
        frame_max = underlay.connection.connection_tune.frame_max
        publisher = Publisher(self._factory.wire, underlay.number, self._metadata.queue_name, frame_max)
        channel.close_callbacks.add(lambda _, error: publisher.broken(_reason(error)))
        return publisher

    async def close(self) -> None:
        """Messages that are not acknowledged go back to their queues."""
        await self._closing.aclose()

    async def _channel(self, *, publisher_confirms: bool) -> AbstractChannel:
        try:
            channel = self._connection.channel(publisher_confirms=publisher_confirms)
            await channel.initialize()
            await self._declare(channel)
        except _FAILURES as error:
            raise self._not_ready(error) from error
        return channel

    async def _declare(self, channel: AbstractChannel) -> None:
        wanted = self._metadata
        arguments: dict[str, Any] = {}
        if wanted.queue_type is not None:
            arguments["x-queue-type"] = wanted.queue_type
        if wanted.ttl_in_seconds is not None:
            arguments["x-message-ttl"] = int(wanted.ttl_in_seconds * 1000)
        if wanted.max_priority is not None:
            arguments["x-max-priority"] = wanted.max_priority
        try:
            await channel.declare_queue(
                wanted.queue_name,
                durable=wanted.durable,
                exclusive=wanted.exclusive,
                auto_delete=wanted.delete_when_unused,
                arguments=arguments,
            )
        except ChannelPreconditionFailed as error:
            hint = (
                "make durable, deleteWhenUnused, exclusive, ttlInSeconds, maxPriority and queueType those of the queue"
            )
            raise DefinitionError(
                f"queue {wanted.queue_name} is there and is another one: {error}", hint=hint
            ) from error

    def _not_ready(self, error: Exception) -> NotReady:
        return NotReady(f"RabbitMQ at {self._metadata.shown} does not answer: {_reason(error)}")


async def _never(message: object) -> None:
    raise AssertionError("the deliveries of this channel go through its lane")


def _reason(error: BaseException | None) -> str:
    return (str(error) or type(error).__name__) if error is not None else "it was closed"
