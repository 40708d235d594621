"""CloudEvents in structured mode, where no header says that a message is one."""

from __future__ import annotations

import json

_REQUIRED = {"specversion", "id", "source", "type"}


def identity(data: bytes) -> tuple[str, str] | None:
    """The source and the id of the CloudEvent that the data is, or None. The two together name an event.

    It is one when it is a JSON object with the attributes that each event has
    (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#required-attributes).
    """
    if b'"specversion"' not in data:  # most data need not be parsed
        return None
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not event.keys() >= _REQUIRED:
        return None
    return str(event["source"]), str(event["id"])
