from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aio_pika.abc import AbstractChannel

from bindings.contract import Operation, Result
from bindings.rabbitmq.connection import RabbitMqConnection
from bindings.rabbitmq.message import properties_of
from bindings.rabbitmq.metadata import RabbitMqMetadata
from bindings.rabbitmq.publisher import Outgoing, Publisher
from bindings.rabbitmq.topology import declare_queue
from engine.errors import DefinitionError, EventError, NotReady, Permanent, Unavailable


class RabbitMqOutput:
    """Publishes to one queue, and connects again with the next operation after the connection was lost."""

    def __init__(self, metadata: RabbitMqMetadata, name: str) -> None:
        self._metadata = metadata
        self._connection = RabbitMqConnection(metadata, name)
        self._publisher: Publisher | None = None
        self._connecting = asyncio.Lock()

    async def open(self) -> None:
        await self._connect()

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        written = [self._written(operation) for operation in operations]
        messages = [one for one in written if not isinstance(one, Permanent)]
        if not messages:
            return [one for one in written if isinstance(one, Permanent)]
        confirmed = iter(await self._publish(messages))
        result = Result(landed=f"queue {self._metadata.queue_name}")
        return [one if isinstance(one, Permanent) else next(confirmed) or result for one in written]

    async def close(self) -> None:
        self._publisher = None
        await self._connection.close()

    def _written(self, operation: Operation) -> Outgoing | Permanent:
        try:
            properties = properties_of(operation, self._metadata)
            return Outgoing("", self._metadata.queue_name, properties, operation.event.data or b"")
        except Permanent as error:
            return error

    async def _publish(self, messages: Sequence[Outgoing]) -> Sequence[EventError | None]:
        try:
            publisher = await self._connect()
        except (NotReady, DefinitionError) as error:
            return [Unavailable(str(error))] * len(messages)
        return await publisher.publish(messages)

    async def _connect(self) -> Publisher:
        async with self._connecting:
            if self._publisher is None or self._publisher.problem:
                await self._connection.close()
                await self._connection.open()
                name = f"queue {self._metadata.queue_name}"
                self._publisher, _ = await self._connection.publisher(name, self._declare)
            return self._publisher

    async def _declare(self, channel: AbstractChannel) -> None:
        await declare_queue(channel, self._metadata)
