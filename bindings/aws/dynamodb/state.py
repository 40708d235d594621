"""The component type `state.aws.dynamodb`."""

from __future__ import annotations

from bindings.aws.dynamodb.metadata import DynamoDbStateMetadata
from bindings.contract import Context, StateStore
from bindings.manifest import ComponentType


def _state_store(metadata: DynamoDbStateMetadata, context: Context) -> StateStore:
    from bindings.aws.dynamodb.store import DynamoDbState

    return DynamoDbState(metadata, context)


component = ComponentType(
    name="state.aws.dynamodb",
    summary="State in a table of Amazon DynamoDB.",
    metadata=DynamoDbStateMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: statestore
spec:
  type: state.aws.dynamodb
  version: v1
  metadata:
    - name: table
      value: state
    - name: ttlAttributeName
      value: expiresAt
    - name: region
      value: eu-central-1
    - name: accessKey
      value: AKIAIOSFODNN7EXAMPLE
    - name: secretKey
      secretKeyRef:
        name: aws
        key: secretKey
""",
    state_store=_state_store,
    extra="aws",
)
