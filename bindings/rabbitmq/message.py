"""Events as messages of AMQP 0-9-1, and back.

Source: CloudEvents AMQP binding (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md),
whose application properties are the headers of AMQP 0-9-1 (https://www.rabbitmq.com/docs/conversions).
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from bindings.contract import Operation, Publication, Received
from bindings.metadata import parse_duration
from bindings.rabbitmq.deliveries import Delivery
from bindings.rabbitmq.frames import Header, write_properties
from bindings.rabbitmq.metadata import RabbitMqMetadata
from bindings.rabbitmq.topic_metadata import TopicMetadata
from engine.errors import Permanent
from engine.event import Attribute, rfc3339

_PREFIX = "cloudEvents_"  # the one that JMS understands too; both are read
_PREFIXES = (_PREFIX, "cloudEvents:")
_OF_PUBLICATION = ("ttlInSeconds", "priority", "routingKey", "rawPayload")  # and no headers
_SHOWN = {"correlation_id": "correlationId", "reply_to": "replyTo", "type": "type", "app_id": "appId"}


def received(delivery: Delivery, queue: str) -> Received:
    """A message without an id gets one of its own, and another one when it comes again: AMQP has nothing to go by."""
    properties = delivery.properties
    headers = properties.get("headers", {})
    attributes = _attributes(headers)
    if "content_type" in properties:
        attributes["datacontenttype"] = properties["content_type"]
    if "timestamp" in properties and "time" not in attributes:
        attributes["time"] = rfc3339(properties["timestamp"])
    id = str(attributes.pop("id", "") or properties.get("message_id") or uuid4())
    attempt = _attempt(delivery)
    metadata = {name: value for name, value in headers.items() if isinstance(value, str) and _is_own(name)}
    metadata |= {shown: properties[name] for name, shown in _SHOWN.items() if name in properties}
    metadata |= {"queueName": queue, "messageId": id, "deliveryCount": str(attempt)}
    if "priority" in properties:
        metadata["priority"] = str(properties["priority"])
    return Received(id, delivery.body, attributes, metadata, attempt)


def _is_own(name: str) -> bool:
    return not name.startswith((*_PREFIXES, "x-"))


def _attributes(headers: dict[str, object]) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {}
    for prefix in _PREFIXES:
        for name, value in headers.items():
            if name.startswith(prefix) and isinstance(value, str | int | bool):
                attributes[name.removeprefix(prefix)] = value
    return attributes


def _attempt(delivery: Delivery) -> int:
    """A quorum queue counts the deliveries; another queue says only that it is not the first."""
    count = delivery.properties.get("headers", {}).get("x-delivery-count")
    if isinstance(count, int):
        return count + 1
    return 2 if delivery.redelivered else 1


def properties_of(operation: Operation, metadata: RabbitMqMetadata) -> bytes:
    """Raises `Permanent` when the event or the operation's metadata cannot be written."""
    if operation.name != "create":
        raise Permanent(f"bindings.rabbitmq has no operation {operation.name!r}; it has create")
    event, wanted = operation.event, dict(operation.metadata)
    ttl, priority = wanted.pop("ttlInSeconds", None), wanted.pop("priority", None)
    content_type = wanted.pop("contentType", None) or metadata.content_type or event.content_type
    headers: dict[str, Header] = {
        f"{_PREFIX}{name}": value for name, value in event.attributes.items() if name != "datacontenttype"
    }
    try:
        return write_properties(
            content_type=content_type,
            headers={**headers, **wanted},
            message_id=event.id,
            timestamp=_seconds(event.attributes.get("time")),
            priority=None if priority is None else _priority(priority),
            expiration=None if ttl is None else int(parse_duration(ttl) * 1000),
        )
    except (ValueError, OverflowError) as error:
        raise Permanent(f"the event cannot be written as an AMQP message: {error}") from error


def properties_of_publication(publication: Publication, wanted: TopicMetadata) -> bytes:
    """Raises `Permanent` when its metadata cannot be written. The id is that of the message, not of what is in it."""
    metadata = {name: value for name, value in publication.metadata.items() if name not in _OF_PUBLICATION}
    ttl, priority = publication.metadata.get("ttlInSeconds"), publication.metadata.get("priority")
    try:
        seconds = parse_duration(ttl) if ttl is not None else wanted.ttl_in_seconds
        return write_properties(
            content_type=publication.content_type,
            headers=metadata,
            message_id=str(uuid4()),
            timestamp=_seconds(None),
            priority=None if priority is None else _priority(priority),
            expiration=None if seconds is None else int(seconds * 1000),
            persistent=wanted.delivery_mode == 2,
        )
    except (ValueError, OverflowError) as error:
        raise Permanent(f"it cannot be written as an AMQP message: {error}") from error


def _priority(text: str) -> int:
    priority = int(text) if text.isdigit() else -1
    if not 0 <= priority <= 255:
        raise ValueError(f"priority {text!r} is not a number from 0 to 255")
    return priority


def _seconds(time: Attribute | None) -> int:
    if time is None:
        return int(datetime.now(UTC).timestamp())
    return int(datetime.fromisoformat(str(time)).timestamp())
