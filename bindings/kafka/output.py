from __future__ import annotations

from collections.abc import Sequence

from bindings.contract import Operation, Result
from bindings.kafka.message import Record, Writer
from bindings.kafka.metadata import KafkaMetadata
from bindings.kafka.publisher import Publisher
from engine.errors import EventError, Permanent


class KafkaOutput:
    """Writes to one topic."""

    def __init__(self, metadata: KafkaMetadata) -> None:
        self._topic = metadata.publish_topic or ""
        self._writer = Writer(metadata)
        self._publisher = Publisher(metadata, [self._topic])

    async def open(self) -> None:
        await self._publisher.open()

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        errors = await self._publisher.publish(self._topic, [self._written(operation) for operation in operations])
        result = Result(landed=f"topic {self._topic}")
        return [error or result for error in errors]

    async def close(self) -> None:
        await self._publisher.close()

    def _written(self, operation: Operation) -> Record | Permanent:
        try:
            return self._writer.of_operation(operation)
        except Permanent as error:
            return error
