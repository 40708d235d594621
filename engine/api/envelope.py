"""The CloudEvent that a published message becomes (dapr/components-contrib, pubsub/envelope.go)."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from typing import Any

from engine.event import EVENT_TYPE, is_json, rfc3339

_TYPE = "com.dapr.event.sent"
_GIVEN = ("id", "source", "type", "subject", "traceid", "traceparent", "tracestate")  # what an app may set
BINARY = ("application/octet-stream", "application/cloudevents+protobuf")


class EnvelopeError(ValueError):
    """The message cannot be a CloudEvent."""


def envelope(
    data: bytes,
    content_type: str,
    metadata: Mapping[str, str],
    names: Mapping[str, str],
    *,
    source: str,
    now: float,
    expires: float | None = None,
    trace: Mapping[str, str] | None = None,
) -> bytes:
    """The event as JSON. `names`: its topic and pub/sub; `source`: the app's id; `now` and `expires`: seconds since the
    epoch; `trace`: the W3C trace context that it belongs to.

    `metadata`: `cloudevent.<attribute>` sets an attribute. Raises `EnvelopeError`.
    """
    time, media_type = rfc3339(now), content_type.partition(";")[0].strip().lower()
    given = {name: value for name in _GIVEN if (value := metadata.get(f"cloudevent.{name}"))}
    told = _trace(trace or {}) | ({} if expires is None else {"expiration": rfc3339(expires)})
    if media_type == EVENT_TYPE:
        event = _parsed(data)
        defaults = {"id": str(uuid.uuid4()), "source": "Dapr", "type": _TYPE, "specversion": "1.0", "time": time}
        return _json({**defaults, **event, **told, **given, **names})
    attributes = {
        "id": str(uuid.uuid4()),
        "specversion": "1.0",
        "datacontenttype": content_type or "text/plain",
        "source": source,
        "type": _TYPE,
        "time": time,
        **told,
        **given,
        **names,
    }
    if media_type in BINARY:
        return _json({**attributes, "data_base64": base64.b64encode(data).decode()})
    if is_json(media_type) and _is_sound(data):
        # As it was written, so that no number loses a digit.
        return _json(attributes)[:-1] + b',"data":' + data + b"}"
    return _json({**attributes, "data": data.decode(errors="replace")})


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"the body is no JSON: {error}") from error
    if not isinstance(event, dict):
        raise EnvelopeError("the body is no JSON object")
    return event


def _is_sound(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _trace(trace: Mapping[str, str]) -> dict[str, str]:
    """Dapr's attributes; `traceid` is the older name of `traceparent`."""
    known = {name: trace[name] for name in ("traceparent", "tracestate") if trace.get(name)}
    return known | ({"traceid": known["traceparent"]} if "traceparent" in known else {})


def _json(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
