"""Topics in the memory of the engine's process, as Dapr's pubsub.in-memory has them."""

from __future__ import annotations

import base64
import json
import uuid
from collections import defaultdict
from collections.abc import Sequence

from bindings.contract import Context, InputBinding, Publication, Received, Subscription
from bindings.manifest import ComponentType
from bindings.memory.input import QueueInput
from bindings.memory.queue import Queue, find_queue
from bindings.metadata import PubSubMetadata
from engine.errors import EventError
from engine.event import JSON_TYPE, encode, is_json

_CAPACITY = 10_000  # messages of one consumer; `publish` waits while there are so many


class MemoryPubSub:
    """A consumer that has once subscribed gets what is published from then on; what nobody takes is dropped, as Dapr's
    drops it.
    """

    def __init__(self, metadata: PubSubMetadata, context: Context) -> None:
        self._name = context.name
        self._topics: dict[str, dict[str, Queue]] = defaultdict(dict)

    async def open(self) -> None:
        pass

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        queue = find_queue(f"{self._name}/{topic}")
        if queue is not None:
            for publication in publications:
                await queue.put(_received(publication))
        for consumer in list(self._topics[topic].values()):
            for publication in publications:
                attributes = {"datacontenttype": publication.content_type}
                await consumer.put(Received(str(uuid.uuid4()), publication.data, attributes, publication.metadata))
        return [None] * len(publications)

    def subscribe(self, subscription: Subscription) -> InputBinding:
        queues = self._topics[subscription.topic]

        def find() -> Queue:
            queue = queues.setdefault(subscription.consumer, Queue())
            queue.resize(_CAPACITY)
            return queue

        return QueueInput(find)

    async def close(self) -> None:
        pass


def _received(publication: Publication) -> Received:
    """The data and the attributes of a CloudEvent; what is none (Dapr's raw payload) is data as it is."""
    metadata = dict(publication.metadata)
    if not publication.content_type.startswith("application/cloudevents+json"):
        attributes = {"datacontenttype": publication.content_type}
        return Received(str(uuid.uuid4()), publication.data, attributes, metadata)
    attributes = json.loads(publication.data)
    encoded, value = attributes.pop("data_base64", None), attributes.pop("data", None)
    if encoded is not None:
        data: bytes | None = base64.b64decode(encoded)
    elif isinstance(value, str) and is_json(attributes.get("datacontenttype", JSON_TYPE)):
        data = json.dumps(value).encode()
    else:
        data = encode(value)[0]
    return Received(attributes["id"], data, attributes, metadata)


component = ComponentType(
    name="pubsub.in-memory",
    summary="Topics in the memory of the engine, for tests and development. NOT durable. A pipeline takes a topic in "
    "through a `bindings.memory` whose `queueName` is `COMPONENT/TOPIC`; where none does, the message goes to nobody.",
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
)
