"""Amazon SQS: a queue as input and output."""

from __future__ import annotations

from bindings.aws.sqs.metadata import SqsMetadata
from bindings.contract import Context, InputBinding, OutputBinding
from bindings.manifest import ComponentType


def _input(metadata: SqsMetadata, context: Context) -> InputBinding:
    from bindings.aws.sqs.input import SqsInput

    return SqsInput(metadata, context)


def _output(metadata: SqsMetadata, context: Context) -> OutputBinding:
    from bindings.aws.sqs.output import SqsOutput

    return SqsOutput(metadata, context)


component = ComponentType(
    name="bindings.aws.sqs",
    summary="A queue of Amazon SQS, standard or FIFO: read, sent and deleted ten messages at a time.",
    metadata=SqsMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: bindings.aws.sqs
  version: v1
  metadata:
    - name: queueName
      value: orders
    - name: region
      value: eu-central-1
    - name: accessKey
      value: AKIAIOSFODNN7EXAMPLE
    - name: secretKey
      secretKeyRef:
        name: aws
        key: secretKey
""",
    input=_input,
    output=_output,
    operations={"create": "Sends the event as a message, and waits until SQS has it."},
    input_metadata={
        "queueName": "The name of the queue.",
        "messageId": "The id of the message.",
        "approximateReceiveCount": "How often the message was given out, this time included.",
        "sentTimestamp": "When it was sent, in milliseconds since the epoch; so are all attributes that SQS gives it: "
        "`senderId`, `approximateFirstReceiveTimestamp`, `awsTraceHeader`.",
        "messageGroupId": "The group of the message; `messageDeduplicationId` and `sequenceNumber` belong to it.",
        "ATTRIBUTE": "Each message attribute, by its own name; a binary one in base64.",
    },
    output_metadata={
        "delaySeconds": "How long the message is hidden first, from 0 to 900 seconds; not for a FIFO queue.",
        "messageGroupId": "The group of the message; within a group a FIFO queue keeps the order.",
        "messageDeduplicationId": "FIFO: a message with the id of one of the last five minutes is dropped. Default: "
        "the id of the event.",
        "ATTRIBUTE": "Any other name is a message attribute. There may be eight.",
    },
    place=lambda metadata, name: f"sqs {metadata.endpoint or metadata.region_name} {metadata.queue_name}",
    extra="aws",
)
