"""Queues in the memory of the engine's process."""

from bindings.manifest import ComponentType
from bindings.memory.input import MemoryInput
from bindings.memory.metadata import MemoryMetadata
from bindings.memory.output import MemoryOutput

component = ComponentType(
    name="bindings.memory",
    summary="A queue in the memory of the engine, for tests and for joining pipelines. NOT durable: what it holds is "
    "lost when the process ends; bindings.localqueue keeps it.",
    metadata=MemoryMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: bindings.memory
  version: v1
  metadata:
    - name: queueName
      value: orders
    - name: capacity
      value: "500"
""",
    input=MemoryInput,
    output=MemoryOutput,
    operations={"create": "adds the event to the queue; waits while the queue is full"},
    input_metadata={"<key>": "the metadata of the `create` that added the message"},
    place=lambda metadata, name: metadata.queue_name or name,
    output_metadata={"<key>": "travels with the message: `metadata` of the pipeline that reads it"},
)
