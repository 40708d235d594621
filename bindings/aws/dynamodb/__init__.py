"""Amazon DynamoDB: a table as output, and as a state store."""

from __future__ import annotations

from bindings.aws.dynamodb.metadata import DynamoDbMetadata
from bindings.contract import Context, OutputBinding
from bindings.manifest import ComponentType


def _output(metadata: DynamoDbMetadata, context: Context) -> OutputBinding:
    from bindings.aws.dynamodb.output import DynamoDbOutput

    return DynamoDbOutput(metadata, context)


component = ComponentType(
    name="bindings.aws.dynamodb",
    summary="Puts items into a table of Amazon DynamoDB, 25 at a time.",
    metadata=DynamoDbMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: bindings.aws.dynamodb
  version: v1
  metadata:
    - name: table
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
    output=_output,
    operations={"create": "Puts the data, a JSON object, as an item; one with the same key is replaced."},
    extra="aws",
)
