"""Topics in the memory of the engine's process, as Dapr's pubsub.in-memory has them."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from bindings.contract import Context, InputBinding, Publication, Received, Subscription
from bindings.manifest import ComponentType
from bindings.memory.input import QueueInput
from bindings.memory.queue import Queue
from bindings.metadata import PubSubMetadata
from engine.errors import EventError

_CAPACITY = 10_000  # messages of one consumer; `publish` waits while there are so many


@dataclass(slots=True)
class _Consumer:
    queue: Queue = field(default_factory=lambda: Queue(_CAPACITY))
    subscribers: int = 0


# By component and topic, then by consumer. An engine is an event loop, and nobody else's topics are its own.
_Topics = defaultdict[tuple[str, str], dict[str, _Consumer]]
_topics: WeakKeyDictionary[asyncio.AbstractEventLoop, _Topics] = WeakKeyDictionary()


class MemoryPubSub:
    """A message goes to those who have subscribed by then, and else to nobody, as Dapr's does."""

    def __init__(self, metadata: PubSubMetadata, context: Context) -> None:
        self._name = context.name

    async def open(self) -> None:
        pass

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        for consumer in list(self._consumers(topic).values()):
            for publication in publications:
                await consumer.queue.put(_received(publication))
        return [None] * len(publications)

    def subscribe(self, subscription: Subscription) -> InputBinding:
        return _Topic(self._consumers(subscription.topic), subscription.consumer)

    async def close(self) -> None:
        pass

    def _consumers(self, topic: str) -> dict[str, _Consumer]:
        loop = asyncio.get_running_loop()
        return _topics.setdefault(loop, defaultdict(dict))[self._name, topic]


class _Topic(QueueInput):
    """The last subscriber of a consumer takes the queue with it, so that nobody waits for room in it for ever."""

    def __init__(self, consumers: dict[str, _Consumer], name: str) -> None:
        super().__init__(self._subscribe)
        self._consumers = consumers
        self._name = name
        self._consumer: _Consumer | None = None

    def _subscribe(self) -> Queue:
        self._consumer = self._consumers.setdefault(self._name, _Consumer())
        self._consumer.subscribers += 1
        return self._consumer.queue

    async def close(self) -> None:
        await super().close()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.subscribers -= 1
            if consumer.subscribers == 0:
                del self._consumers[self._name]
                consumer.queue.abandon()


def _received(publication: Publication) -> Received:
    attributes = {"datacontenttype": publication.content_type}
    return Received(str(uuid.uuid4()), publication.data, attributes, dict(publication.metadata))


component = ComponentType(
    name="pubsub.in-memory",
    summary="Topics in the memory of the engine, for tests and development. NOT durable: what it holds is lost when "
    "the process ends or the last subscriber leaves, and a message goes only to those who have subscribed before it.",
    metadata=PubSubMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.in-memory
  version: v1
  metadata: []
""",
    pubsub=MemoryPubSub,
    input_metadata={"<key>": "the metadata with which the message was published"},
    output_metadata={
        "ttlInSeconds": "After so many seconds the message is not given to an app or a pipeline any more.",
        "rawPayload": "`true`: the data alone is published, without its CloudEvents envelope.",
        "<key>": "travels with the message",
    },
)
