"""Amazon SNS: a topic as output."""

from __future__ import annotations

from bindings.aws.sns.metadata import SnsMetadata
from bindings.contract import Context, OutputBinding
from bindings.manifest import ComponentType


def _output(metadata: SnsMetadata, context: Context) -> OutputBinding:
    from bindings.aws.sns.output import SnsOutput

    return SnsOutput(metadata, context)


component = ComponentType(
    name="bindings.aws.sns",
    summary="Publishes to a topic of Amazon SNS, ten messages at a time.",
    metadata=SnsMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: notices
spec:
  type: bindings.aws.sns
  version: v1
  metadata:
    - name: topicArn
      value: arn:aws:sns:eu-central-1:123456789012:notices
    - name: region
      value: eu-central-1
    - name: accessKey
      value: AKIAIOSFODNN7EXAMPLE
    - name: secretKey
      secretKeyRef:
        name: aws
        key: secretKey
""",
    output=_output,
    operations={
        "create": "Publishes the data. Of a JSON object of nothing but `message` and `subject`, as Dapr wants it, "
        "these two."
    },
    output_metadata={
        "subject": "The subject of the message: the first line of an e-mail.",
        "messageGroupId": "The group of the message; within a group a FIFO topic keeps the order.",
        "messageDeduplicationId": "FIFO: a message with the id of one of the last five minutes is dropped. Default: "
        "the id of the event.",
        "ATTRIBUTE": "Any other name is a message attribute. There may be eight.",
    },
    extra="aws",
)
