from __future__ import annotations

from collections.abc import Sequence

from bindings.contract import InputBinding, Publication, Subscription
from bindings.kafka.input import KafkaInput
from bindings.kafka.message import Record, Writer
from bindings.kafka.metadata import KafkaPubSubMetadata
from bindings.kafka.publisher import Publisher
from engine.errors import DefinitionError, EventError, Permanent


class KafkaPubSub:
    """One producer for all topics. A topic that is read has a member of its consumer's group for itself."""

    def __init__(self, metadata: KafkaPubSubMetadata) -> None:
        self._metadata = metadata
        self._writer = Writer(metadata)
        self._publisher = Publisher(metadata, [])

    async def open(self) -> None:
        await self._publisher.open()

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        return await self._publisher.publish(topic, [self._written(publication) for publication in publications])

    def subscribe(self, subscription: Subscription) -> InputBinding:
        if subscription.metadata.get("valueSchemaType", "none").lower() != "none":
            hint = "leave valueSchemaType out"
            raise DefinitionError("there is no schema registry: values travel as the bytes that they are", hint=hint)
        group = self._metadata.consumer_group or subscription.consumer
        return KafkaInput(self._metadata, [subscription.topic], group)

    async def close(self) -> None:
        await self._publisher.close()

    def _written(self, publication: Publication) -> Record | Permanent:
        try:
            return self._writer.of_publication(publication)
        except Permanent as error:
            return error
