"""RabbitMQ: a queue as input and output. aio-pika connects and declares; messages go through lanes of our own."""

from __future__ import annotations

from bindings.contract import Context, InputBinding, OutputBinding, PubSub
from bindings.manifest import ComponentType
from bindings.rabbitmq.metadata import RabbitMqMetadata
from bindings.rabbitmq.topic_metadata import TopicMetadata


def _input(metadata: RabbitMqMetadata, context: Context) -> InputBinding:
    from bindings.rabbitmq.input import RabbitMqInput

    return RabbitMqInput(metadata, context.name)


def _output(metadata: RabbitMqMetadata, context: Context) -> OutputBinding:
    from bindings.rabbitmq.output import RabbitMqOutput

    return RabbitMqOutput(metadata, context.name)


def _pubsub(metadata: TopicMetadata, context: Context) -> PubSub:
    from bindings.rabbitmq.pubsub import RabbitMqPubSub

    return RabbitMqPubSub(metadata, context.name)


component = ComponentType(
    name="bindings.rabbitmq",
    summary="A RabbitMQ queue: read in batches, published with confirms, acknowledged after the outputs.",
    metadata=RabbitMqMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: bindings.rabbitmq
  version: v1
  metadata:
    - name: host
      value: amqp://guest:guest@localhost:5672/
    - name: queueName
      value: orders
    - name: durable
      value: true
""",
    input=_input,
    output=_output,
    operations={"create": "Sends the event as a persistent message, and waits until the server has it safe."},
    input_metadata={
        "queueName": "The name of the queue.",
        "messageId": "The id of the message.",
        "deliveryCount": "How often the message was given out, this time included; a classic queue says 2 for all "
        "but the first.",
        "correlationId": "The message's correlation id, if it has one; so are `replyTo`, `type`, `appId`, `priority`.",
        "HEADER": "Each header of the message that is a text, by its own name.",
    },
    output_metadata={
        "ttlInSeconds": "How long the message stays in the queue, like `60` or `10s`.",
        "priority": "Its priority, from 0 to 255; the queue needs `maxPriority`.",
        "contentType": "The content type of this one message.",
        "HEADER": "Any other name is a header of the message.",
    },
    place=lambda metadata, name: f"{metadata.shown} {metadata.queue_name}",
    extra="rabbitmq",
)

topics = ComponentType(
    name="pubsub.rabbitmq",
    summary="Topics in RabbitMQ: an exchange for each topic and a queue for each consumer, as Dapr declares them.",
    metadata=TopicMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.rabbitmq
  version: v1
  metadata:
    - name: connectionString
      value: amqp://guest:guest@localhost:5672/
    - name: durable
      value: "true"
    - name: deletedWhenUnused
      value: "false"
""",
    pubsub=_pubsub,
    native_ttl=True,
    input_metadata=component.input_metadata,
    output_metadata={
        "ttlInSeconds": "How long the message stays in the queues, like `60` or `10s`.",
        "priority": "Its priority, from 0 to 255; the queue needs `maxPriority`.",
        "routingKey": "With which key it goes to the exchange.",
        "rawPayload": "`true`: the data alone is published, without its CloudEvents envelope.",
        "HEADER": "Any other name is a header of the message.",
    },
    extra="rabbitmq",
)
