"""CloudEvents in structured mode, where no header says that a message is one."""

from __future__ import annotations

import json

EVENTS_TYPE = "application/cloudevents+json"
_REQUIRED = {"specversion", "id", "source", "type"}


def is_structured(data: bytes) -> bool:
    """Whether the data is one CloudEvent in the JSON format: an object with the attributes that each event has
    (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md, required attributes).
    """
    return bool(_attributes(data))


def identity(data: bytes) -> tuple[str, str] | None:
    """The source and the id of the CloudEvent that the data is, or None. The two together name an event."""
    attributes = _attributes(data)
    return (str(attributes["source"]), str(attributes["id"])) if attributes else None


def _attributes(data: bytes) -> dict[str, object]:
    if b'"specversion"' not in data:  # most data need not be parsed
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and value.keys() >= _REQUIRED else {}
