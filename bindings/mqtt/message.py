"""Messages of MQTT as what an input has received, and what an output writes.

Source: CloudEvents MQTT binding (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/mqtt-protocol-binding.md):
with MQTT 3.1.1 an event is always in structured mode, and nothing but its data says that it is one.
"""

from __future__ import annotations

from bindings.contract import Received
from bindings.metadata import parse_flag
from bindings.mqtt.packets import LONGEST
from bindings.mqtt.session import Message
from bindings.structured import identity
from engine.errors import Permanent
from engine.event import EVENT_TYPE, Attribute

_LONGEST_TOPIC = 65_535  # bytes
_LONGEST = LONGEST - 65_600  # room for the topic and the packet id


def received(message: Message) -> Received:
    delivery = message.delivery
    event = identity(delivery.payload)
    attributes: dict[str, Attribute] = {"datacontenttype": EVENT_TYPE} if event else {}
    metadata = {
        "topic": delivery.topic,
        "qos": str(delivery.qos),
        "retained": str(delivery.retained).lower(),
        "deliveryCount": str(message.attempt),
    }
    id = event[1] if event and event[1] else message.id
    return Received(id, delivery.payload, attributes, metadata, message.attempt, message)


def payload_of(data: bytes) -> bytes:
    """Raises `Permanent` for more than a message can hold."""
    if len(data) > _LONGEST:
        raise Permanent(f"{len(data):,} bytes are more than the {_LONGEST:,} of a message of MQTT")
    return data


def topic_name(topic: str) -> str:
    """Raises `Permanent` for what no message can be published to (MQTT 3.1.1, 4.7)."""
    if not topic or any(character in topic for character in "+#\0"):
        raise Permanent(f"topic {topic!r} cannot be published to: it is empty, or has one of + and # in it")
    if len(topic.encode(errors="replace")) > _LONGEST_TOPIC:
        raise Permanent(f"a topic of more than {_LONGEST_TOPIC:,} bytes cannot be published to")
    return topic


def retain_flag(text: str | None, default: bool) -> bool:
    """What the metadata of one message says; raises `Permanent`."""
    if not text:
        return default
    try:
        return parse_flag(text)
    except ValueError as error:
        raise Permanent(f"retain: {error}") from error
