"""Amazon SNS and SQS as a pub/sub: topics of SNS, and for each consumer a queue of SQS."""

from __future__ import annotations

from bindings.aws.snssqs.metadata import SnsSqsMetadata
from bindings.contract import Context, PubSub
from bindings.manifest import ComponentType


def _pubsub(metadata: SnsSqsMetadata, context: Context) -> PubSub:
    from bindings.aws.snssqs.pubsub import SnsSqs

    return SnsSqs(metadata, context)


component = ComponentType(
    name="pubsub.aws.snssqs",
    summary="Topics of Amazon SNS, read from a queue of Amazon SQS for each consumer. Both are made when used.",
    metadata=SnsSqsMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.aws.snssqs
  version: v1
  metadata:
    - name: region
      value: eu-central-1
    - name: accessKey
      value: AKIAIOSFODNN7EXAMPLE
    - name: secretKey
      secretKeyRef:
        name: aws
        key: secretKey
""",
    pubsub=_pubsub,
    extra="aws",
)
