"""Azure Storage queues: `bindings.azure.storagequeues`, read in batches, renewed while their messages are under way."""

from __future__ import annotations

from collections.abc import Sequence

from bindings.azure.storagequeues.metadata import StorageQueuesMetadata
from bindings.contract import Context, InputBinding, OutputBinding, Received
from bindings.manifest import ComponentType


def _input(metadata: StorageQueuesMetadata, context: Context) -> InputBinding:
    from bindings.azure.storagequeues.input import StorageQueuesInput

    return StorageQueuesInput(metadata, context)


async def _peek(metadata: StorageQueuesMetadata, context: Context, limit: int) -> Sequence[Received]:
    from bindings.azure.storagequeues.input import peek

    return await peek(metadata, context, limit)


def _output(metadata: StorageQueuesMetadata, context: Context) -> OutputBinding:
    from bindings.azure.storagequeues.output import StorageQueuesOutput

    return StorageQueuesOutput(metadata)


component = ComponentType(
    name="bindings.azure.storagequeues",
    summary="An Azure Storage queue: read in batches, hidden while under way, deleted after the outputs.",
    metadata=StorageQueuesMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: bindings.azure.storagequeues
  version: v1
  metadata:
    - name: accountName
      value: mystorageaccount
    - name: accountKey
      secretKeyRef:
        name: STORAGE_KEY
        key: STORAGE_KEY
    - name: queueName
      value: orders
    - name: encodeBase64
      value: true
    - name: decodeBase64
      value: true
""",
    input=_input,
    output=_output,
    peek=_peek,
    operations={"create": "Puts the data into the queue. JSON text is written without its quotes."},
    input_metadata={
        "messageID": "The id of the message.",
        "dequeueCount": "How often the message was given out, this time included.",
        "insertionTime": "When it came into the queue, as in RFC 3339.",
        "expirationTime": "When it would go out of it by itself.",
        "nextVisibleTime": "When others would have got it, if it were not renewed.",
        "popReceipt": "The receipt that it was given out with; a renewal makes it void.",
        "queueName": "The name of the queue.",
    },
    output_metadata={
        "ttl": "How long the message stays in the queue, like `10m`; also `ttlInSeconds`.",
        "initialVisibilityDelay": "How long it stays hidden at first, like `30s`.",
    },
    place=lambda metadata, name: f"{metadata.account_url} {metadata.queue_name}",
    extra="azure",
)
