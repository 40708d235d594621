"""Amazon Kinesis Data Streams: a stream as input and output."""

from __future__ import annotations

from bindings.aws.kinesis.metadata import KinesisMetadata
from bindings.contract import Context, InputBinding, OutputBinding
from bindings.manifest import ComponentType


def _input(metadata: KinesisMetadata, context: Context) -> InputBinding:
    from bindings.aws.kinesis.input import KinesisInput

    return KinesisInput(metadata, context)


def _output(metadata: KinesisMetadata, context: Context) -> OutputBinding:
    from bindings.aws.kinesis.output import KinesisOutput

    return KinesisOutput(metadata, context)


component = ComponentType(
    name="bindings.aws.kinesis",
    summary="A stream of Amazon Kinesis: all its shards read by one engine, 500 records put at a time.",
    metadata=KinesisMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: bindings.aws.kinesis
  version: v1
  metadata:
    - name: streamName
      value: orders
    - name: consumerName
      value: shop
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
    operations={"create": "Puts the data as a record. The attributes of the event are not in it."},
    input_metadata={
        "streamName": "The name of the stream.",
        "shardId": "The shard in which the record is.",
        "sequenceNumber": "Its number; within a shard the numbers grow.",
        "partitionKey": "Its partition key.",
    },
    output_metadata={"partitionKey": "The partition key of this one record."},
    place=lambda metadata, name: f"kinesis {metadata.endpoint or metadata.region_name} {metadata.stream_name}",
    shared_input=False,
    extra="aws",
)
