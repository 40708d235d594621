"""NATS JetStream: topics that are subjects of a stream. nats-py speaks the protocol; batches are one round trip."""

from __future__ import annotations

from bindings.contract import Context, PubSub
from bindings.manifest import ComponentType
from bindings.nats.metadata import JetStreamMetadata


def _pubsub(metadata: JetStreamMetadata, context: Context) -> PubSub:
    from bindings.nats.pubsub import JetStreamPubSub

    return JetStreamPubSub(metadata, context)


component = ComponentType(
    name="pubsub.jetstream",
    summary="Topics on NATS JetStream: published with acknowledgements, read by durable pull consumers. A topic is a "
    "subject; a stream that takes it must be there.",
    metadata=JetStreamMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: pubsub.jetstream
  version: v1
  metadata:
    - name: natsURL
      value: nats://localhost:4222
    - name: deliverPolicy
      value: all
""",
    pubsub=_pubsub,
    input_metadata={
        "topic": "The subject that the message was published to.",
        "stream": "The stream that keeps it.",
        "sequence": "Its number in the stream.",
        "deliveryCount": "How often it was given out, this time included.",
        "HEADER": "Each header of the message, by its own name.",
    },
    output_metadata={"HEADER": "Any name is a header of the message."},
    extra="nats",
)
