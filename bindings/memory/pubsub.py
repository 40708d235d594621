"""Topics in the memory of the engine's process, as Dapr's pubsub.in-memory has them."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence

from bindings.contract import Context, Publication, Received
from bindings.manifest import ComponentType
from bindings.memory.queue import find_queue
from bindings.metadata import Metadata
from engine.errors import EventError
from engine.event import JSON_TYPE, encode, is_json


class MemoryPubSub:
    """A message goes to the queue of its topic when somebody reads that, and else to nobody, as Dapr's does."""

    def __init__(self, metadata: Metadata, context: Context) -> None:
        self._name = context.name

    async def open(self) -> None:
        pass

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        queue = find_queue(f"{self._name}/{topic}")
        if queue is not None:
            for publication in publications:
                await queue.put(_received(publication))
        return [None] * len(publications)

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
    metadata=Metadata,
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
