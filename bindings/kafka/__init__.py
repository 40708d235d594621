"""Kafka: topics as input and output, and as a pub/sub. librdkafka (confluent-kafka) does the network."""

from __future__ import annotations

from bindings.contract import Context, InputBinding, OutputBinding, PubSub
from bindings.kafka.metadata import KafkaMetadata, KafkaPubSubMetadata
from bindings.manifest import ComponentType


def _input(metadata: KafkaMetadata, context: Context) -> InputBinding:
    from bindings.kafka.input import KafkaInput

    return KafkaInput(metadata, metadata.topic_list, metadata.consumer_group or context.name)


def _output(metadata: KafkaMetadata, context: Context) -> OutputBinding:
    from bindings.kafka.output import KafkaOutput

    return KafkaOutput(metadata)


def _pubsub(metadata: KafkaPubSubMetadata, context: Context) -> PubSub:
    from bindings.kafka.pubsub import KafkaPubSub

    return KafkaPubSub(metadata)


component = ComponentType(
    name="bindings.kafka",
    summary="Topics of Kafka: read in batches by a consumer group, written with confirms from all replicas.",
    metadata=KafkaMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: bindings.kafka
  version: v1
  metadata:
    - name: brokers
      value: localhost:9092
    - name: authType
      value: none
    - name: topics
      value: orders
    - name: consumerGroup
      value: shop
    - name: initialOffset
      value: oldest
    - name: publishTopic
      value: orders
""",
    input=_input,
    output=_output,
    operations={"create": "Writes the event to the topic, and waits until all replicas in sync have it."},
    input_requires=["topics"],
    output_requires=["publishTopic"],
    input_metadata={
        "__topic": "The topic.",
        "__partition": "The number of the partition.",
        "__offset": "The place in the partition.",
        "__key": "The key of the message, if it has one.",
        "__timestamp": "When it was written, in milliseconds since the epoch.",
        "HEADER": "Each header of the message, by its own name.",
    },
    output_metadata={
        "partitionKey": "The key of the message; messages of one key come in order. Also `__key`. Default: the event's "
        "attribute `partitionkey`.",
        "partitionNumber": "The partition to write to, whatever the key.",
        "HEADER": "Any name is a header of the message.",
    },
    place=lambda metadata, name: f"{metadata.brokers} {metadata.publish_topic or metadata.topics}",
    extra="kafka",
)

pubsub_component = ComponentType(
    name="pubsub.kafka",
    summary="Topics of Kafka: who subscribes with one consumer shares a consumer group.",
    metadata=KafkaPubSubMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - name: brokers
      value: localhost:9092
    - name: authType
      value: none
    - name: initialOffset
      value: oldest
""",
    pubsub=_pubsub,
    output_metadata={
        "partitionKey": "The key of the message; messages of one key come in order. Also `__key`.",
        "partitionNumber": "The partition to write to, whatever the key.",
        "HEADER": "Any name is a header of the message.",
    },
    extra="kafka",
)
