from __future__ import annotations

from collections.abc import Sequence

from bindings.contract import Operation, Result
from bindings.mqtt.message import payload_of, retain_flag, topic_name
from bindings.mqtt.metadata import MqttMetadata
from bindings.mqtt.publisher import Publisher
from engine.cloudevents import encode_one
from engine.errors import EventError, Permanent


class MqttOutput:
    """Publishes with QoS 1: an operation is done when the broker has acknowledged its message."""

    def __init__(self, metadata: MqttMetadata) -> None:
        self._metadata = metadata
        self._publisher = Publisher(metadata, metadata.consumer_id)

    async def open(self) -> None:
        await self._publisher.connect()

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        written = [self._written(operation) for operation in operations]
        messages = [one for one in written if not isinstance(one, Permanent)]
        errors = iter(await self._publisher.publish(messages, qos=1) if messages else ())
        return [
            one if isinstance(one, Permanent) else next(errors) or Result(landed=f"topic {one[0]}") for one in written
        ]

    async def close(self) -> None:
        await self._publisher.close()

    def _written(self, operation: Operation) -> tuple[str, bytes, bool] | Permanent:
        try:
            return self._message(operation)
        except Permanent as error:
            return error

    def _message(self, operation: Operation) -> tuple[str, bytes, bool]:
        if operation.name != "create":
            raise Permanent(f"bindings.mqtt3 has no operation {operation.name!r}; it has create")
        wanted, event = operation.metadata, operation.event
        mode = wanted.get("contentMode") or self._metadata.content_mode
        if mode not in ("data", "structured"):
            raise Permanent(f"contentMode {mode!r} is neither data nor structured")
        topic = topic_name(wanted.get("topic") or self._metadata.topic)
        return (
            topic,
            payload_of(encode_one(event) if mode == "structured" else event.data or b""),
            retain_flag(wanted.get("retain"), self._metadata.retain),
        )
