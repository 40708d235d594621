"""The envelope: what a binding received becomes a CloudEvent."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping

from bindings.contract import Received
from engine.cloudevents import decode, validate
from engine.definitions.pipeline import Envelope
from engine.errors import Permanent
from engine.event import JSON_TYPE, Attribute, Event, rfc3339
from engine.expressions import Scope, compile_tree, text_of
from engine.passage import Passage


def sniff(data: bytes) -> str:
    """A content type for data that came without one: JSON by its first character, else text, else bytes."""
    if data.lstrip()[:1] in (b"{", b"["):
        return JSON_TYPE
    try:
        data.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"


def _unwrapped(event: Event, received: Received) -> Event:
    """A message in structured mode is the event that it holds (CloudEvents bindings for AMQP, Kafka, MQTT and NATS,
    3.2); one that its binding has unwrapped already has a source.
    """
    if not event.content_type.lower().startswith("application/cloudevents") or "source" in received.attributes:
        return event
    held = decode({"content-type": event.content_type}, event.data or b"") or []
    if len(held) != 1:
        raise Permanent(f"one message must hold one event, not {len(held)}")
    return held[0]


class EnvelopeMaker:
    """Makes the events of one pipeline from what its input received.

    What the definition's `event:` says counts first, then what the binding knows, then a default: `source` is
    `/COMPONENT`, `type` `jackfield.` and the binding's kind, `time` the moment of receipt.
    """

    def __init__(self, envelope: Envelope, component: str, kind: str, env: Mapping[str, str]) -> None:
        written = envelope.model_dump(exclude_none=True, exclude={"extensions"})
        templates = {**written, **envelope.extensions}
        self._template = compile_tree(templates) if templates else None
        self._source = f"/{component}"
        self._type = f"jackfield.{kind.removeprefix('bindings.')}"
        self._env = env

    def plain(self, received: Received, now: float) -> Event:
        """The event without the definition's templates: what a dead letter holds when they fail."""
        known = received.attributes
        attributes: dict[str, Attribute] = {
            "specversion": "1.0",
            "id": received.id,
            "source": self._source,
            "type": self._type,
            **known,
        }
        if "time" not in known:
            attributes["time"] = rfc3339(now)
        if received.data is not None and "datacontenttype" not in known:
            attributes["datacontenttype"] = sniff(received.data)
        return Event(attributes, received.data)

    def complete(self, passage: Passage, now: float) -> Event:
        """The event as the definition wants it; raises `Permanent` when a template fails or the result is invalid."""
        if passage.arrival.refused is not None:
            raise passage.arrival.refused
        event = _unwrapped(passage.event, passage.arrival.received)
        if self._template is not None:
            values = self._template.evaluate(Scope(event, passage.metadata, self._env, now))
            for name, value in values.items():
                if not isinstance(value, str | int | bool):
                    shown = reprlib.repr(value)
                    raise Permanent(f"event.{name} must be a text, a whole number or a boolean, not {shown}")
            texts = {name: text_of(value) if name in Envelope.model_fields else value for name, value in values.items()}
            event = event.replace(**texts)
        validate(event.attributes)
        return event
