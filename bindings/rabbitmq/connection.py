"""One connection to RabbitMQ, opened by aio-pika, and on it the channels whose messages go through lanes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TypeAlias, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError, ProbableAuthenticationError

from bindings.rabbitmq.deliveries import Deliveries
from bindings.rabbitmq.publisher import Publisher
from bindings.rabbitmq.server import ServerMetadata
from bindings.rabbitmq.tls import make_tls
from bindings.rabbitmq.wire import Lane, Wire, WireFactory
from engine.errors import DefinitionError, NotReady

_CONNECT_TIMEOUT = 15.0  # seconds
_HEARTBEAT = 10  # seconds: a server that is silent for three of them is gone
_PREFETCH = 1000
_FAILURES = (AMQPError, OSError, TimeoutError, RuntimeError)  # the last of aio-pika, for what is closed
T = TypeVar("T")
Declare: TypeAlias = Callable[[AbstractChannel], Awaitable[T]]
"""Declares what a channel needs before it is used; raises `DefinitionError` for what is there and does not fit."""

# They log what they raise as well, on every try, and with the password's neighbours.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class RabbitMqConnection:
    """One connection of one component; readers and writers have one each, so that a server that slows down its
    publishers does not hold up the acknowledgements (https://www.rabbitmq.com/docs/connections#flow-control).
    """

    def __init__(self, server: ServerMetadata, name: str, heartbeat: float = _HEARTBEAT) -> None:
        self._server = server
        self._name = name
        self._heartbeat = max(1, round(heartbeat))
        self._factory = WireFactory()
        self._closing = AsyncExitStack()
        self._connection: aio_pika.Connection | None = None

    async def open(self) -> None:
        """Raises `DefinitionError` for what a person must change, `NotReady` when the server does not answer."""
        tls = await asyncio.to_thread(make_tls, self._server)
        self._factory = WireFactory()
        url = self._server.url.extend_query(name=f"jackfield {self._name}")
        url = url if "heartbeat" in url.query else url.extend_query(heartbeat=self._heartbeat)
        connection = aio_pika.Connection(url, ssl_context=tls)
        connection.kwargs["transport_factory"] = self._factory
        try:
            await connection.connect(timeout=_CONNECT_TIMEOUT)
        except ProbableAuthenticationError as error:
            hint = "the user, the password and the virtual host in `host`"
            raise DefinitionError(f"RabbitMQ at {self._server.shown} refused the login", hint=hint) from error
        except _FAILURES as error:
            raise self._not_ready(error) from error
        self._closing.push_async_callback(connection.close)
        self._connection = connection

    @property
    def is_open(self) -> bool:
        return self._connection is not None and not self._connection.is_closed and not self._factory.wire.is_lost

    async def consume(self, prefetch: int, declare: Declare[str]) -> tuple[Deliveries, AbstractChannel]:
        """Begins to read the queue that `declare` gives the name of."""
        channel, queue = await self._channel(declare, publisher_confirms=False)
        try:
            await channel.set_qos(prefetch_count=prefetch or _PREFETCH)
            underlay = await channel.get_underlay_channel()
            deliveries = Deliveries(self._factory.wire, underlay.number)
            channel.close_callbacks.add(_ended(self._factory.wire, underlay.number, deliveries))
            await underlay.basic_consume(queue, _never)
        except BaseException as error:  # a channel of a shared connection would go on, and keep messages to itself
            with suppress(*_FAILURES):
                await channel.close()
            if isinstance(error, _FAILURES):
                raise self._not_ready(error) from error
            raise
        return deliveries, channel

    async def publisher(self, name: str, declare: Declare[object]) -> tuple[Publisher, AbstractChannel]:
        """Its confirms begin with 1. `name`: of what is published to."""
        channel, _ = await self._channel(declare, publisher_confirms=True)
        underlay = await channel.get_underlay_channel()
        frame_max = underlay.connection.connection_tune.frame_max
        publisher = Publisher(self._factory.wire, underlay.number, name, frame_max)
        channel.close_callbacks.add(_ended(self._factory.wire, underlay.number, publisher))
        return publisher, channel

    async def declare(self, declare: Declare[object]) -> None:
        """On a channel of its own: what does not fit ends its channel, and all that is under way there."""
        channel, _ = await self._channel(declare, publisher_confirms=False)
        try:
            await channel.close()
        except _FAILURES as error:
            raise self._not_ready(error) from error

    async def close(self) -> None:
        """Messages that are not acknowledged go back to their queues."""
        self._connection = None
        await self._closing.aclose()

    async def _channel(self, declare: Declare[T], *, publisher_confirms: bool) -> tuple[AbstractChannel, T]:
        if self._connection is None:
            raise NotReady("the connection is closed")
        try:
            channel = self._connection.channel(publisher_confirms=publisher_confirms)
            await channel.initialize()
            return channel, await declare(channel)
        except _FAILURES as error:
            raise self._not_ready(error) from error

    def _not_ready(self, error: Exception) -> NotReady:
        return NotReady(f"RabbitMQ at {self._server.shown} does not answer: {_reason(error)}")


def _ended(wire: Wire, number: int, lane: Lane) -> Callable[[object, BaseException | None], None]:
    def ended(_: object, error: BaseException | None) -> None:
        lane.broken(_reason(error))
        wire.detach(number, lane)

    return ended


async def _never(message: object) -> None:
    raise AssertionError("the deliveries of this channel go through its lane")


def _reason(error: BaseException | None) -> str:
    return (str(error) or type(error).__name__) if error is not None else "it was closed"
