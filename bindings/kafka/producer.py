"""A producer and its messages on their way, many at once, each with its own confirm."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from bindings.kafka.failure import event_error
from bindings.kafka.message import Record
from bindings.kafka.metadata import KafkaConnectionMetadata
from bindings.kafka.session import Session
from bindings.kafka.settings import producer_settings
from engine.errors import EventError, Unavailable

_TICK = 0.05  # seconds; the most time until a publisher sees that it is closed


@dataclass(slots=True, eq=False)
class _Batch:
    """The messages of one call; done when each is confirmed or has failed, or nothing is said any more."""

    errors: list[EventError | None]
    open: int
    done: asyncio.Future[None]


class ProducerSession(Session[Producer]):
    def __init__(self, metadata: KafkaConnectionMetadata, topics: Sequence[str]) -> None:
        super().__init__(metadata.brokers, topics)
        self._settings = producer_settings(metadata)
        self._producer: Producer | None = None
        self._confirmed: deque[tuple[_Batch, int, EventError | None]] = deque()
        self._told = False  # whether the event loop will look at what is confirmed
        self._open: set[_Batch] = set()
        self.broken = ""  # why this one confirms nothing any more

    # On the event loop

    async def publish(self, topic: str, records: Sequence[Record]) -> Sequence[EventError | None]:
        """Returns when the brokers have each, or it has failed. One that fails does not fail its neighbours."""
        producer = self._producer
        if producer is None:
            return [Unavailable(f"Kafka topic {topic}: the connection is closed")] * len(records)
        unsaid = Unavailable(f"Kafka topic {topic}: the connection was closed before the brokers had the message")
        batch = _Batch([unsaid] * len(records), len(records), self._loop.create_future())
        self._open.add(batch)
        for index, record in enumerate(records):
            try:
                producer.produce(
                    topic,
                    record.value,
                    record.key,
                    record.partition,
                    on_delivery=partial(self._on_delivery, batch, index),
                    headers=record.headers,
                )
            except KafkaException as error:
                self._confirm(batch, index, event_error(error, topic))
            except BufferError:
                self._confirm(batch, index, Unavailable(f"Kafka topic {topic}: too many messages are under way"))
        await batch.done
        return batch.errors

    def _look(self) -> None:
        self._told = False  # first: what is confirmed from here on is told again
        while self._confirmed:
            self._confirm(*self._confirmed.popleft())

    def _confirm(self, batch: _Batch, index: int, error: EventError | None) -> None:
        batch.errors[index] = error
        batch.open -= 1
        if batch.open == 0:
            self._open.discard(batch)
            if not batch.done.done():
                batch.done.set_result(None)

    def over(self) -> None:
        self._look()
        for batch in self._open:  # they were handed over while it closed
            if not batch.done.done():
                batch.done.set_result(None)

    def wake(self) -> None:
        pass

    # On the thread of the client

    def make(self) -> Producer:
        return Producer({**self._settings, "error_cb": self._on_error})

    def begin(self, client: Producer) -> None:
        self._producer = client
        self.ready()

    def step(self, client: Producer) -> None:
        client.poll(_TICK)

    def end(self, client: Producer) -> None:
        self._producer = None
        client.purge()
        client.flush(1)

    def _on_error(self, error: KafkaError, *_: Any) -> None:
        if error.fatal():
            self.broken = error.str()
        self.troubles.tell(error)

    def _on_delivery(self, batch: _Batch, index: int, error: KafkaError | None, message: Message) -> None:
        failure = None if error is None else event_error(error, message.topic() or "")
        self._confirmed.append((batch, index, failure))
        if not self._told:
            self._told = True
            self.tell(self._look)
