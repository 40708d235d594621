from __future__ import annotations

import hashlib
from collections.abc import Sequence

from bindings.contract import Context, InputBinding, Publication, Subscription
from bindings.mqtt.input import MqttInput
from bindings.mqtt.message import payload_of, retain_flag, topic_name
from bindings.mqtt.metadata import MqttPubSubMetadata
from bindings.mqtt.publisher import Publisher
from bindings.mqtt.session import Source
from engine.errors import EventError, Permanent


class MqttPubSub:
    """One connection for all that is published, and one for each topic that is read: a session of MQTT is of one
    connection, and so are its acknowledgements.
    """

    def __init__(self, metadata: MqttPubSubMetadata, context: Context) -> None:
        self._metadata = metadata
        self._publisher = Publisher(metadata, metadata.consumer_id or context.name)

    async def open(self) -> None:
        await self._publisher.connect()

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        written = [self._written(topic, publication) for publication in publications]
        messages = [one for one in written if not isinstance(one, Permanent)]
        errors = iter(await self._publisher.publish(messages, self._metadata.level) if messages else ())
        return [one if isinstance(one, Permanent) else next(errors) for one in written]

    def subscribe(self, subscription: Subscription) -> InputBinding:
        digest = hashlib.sha256(subscription.topic.encode()).hexdigest()[:8]
        client_id = f"{subscription.consumer}-{digest}"
        source = Source(client_id, subscription.topic, self._metadata.level, self._metadata.clean_session)
        return MqttInput(self._metadata, source)

    async def close(self) -> None:
        await self._publisher.close()

    def _written(self, topic: str, publication: Publication) -> tuple[str, bytes, bool] | Permanent:
        try:
            retain = retain_flag(publication.metadata.get("retain"), self._metadata.retain)
            return topic_name(topic), payload_of(publication.data), retain
        except Permanent as error:
            return error
