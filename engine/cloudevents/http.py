"""The HTTP binding of CloudEvents: events as headers and a body, of a request or an answer, in three content modes.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

from engine.cloudevents.attributes import validate
from engine.cloudevents.json import decode_json, encode_one, parse
from engine.errors import Permanent
from engine.event import EVENT_TYPE, Attribute, Event

_BATCH = "application/cloudevents-batch+json"

# Header values (3.1.3.2): visible ASCII but for the double quote and the percent sign.
_PLAIN = re.compile("[!#$&-~]*")
_SAFE = "".join(filter(_PLAIN.fullmatch, map(chr, range(128))))
_BAD_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def encode_binary(event: Event) -> tuple[dict[str, str], bytes | None]:
    """The attributes as headers, the data as the body."""
    headers = {
        f"ce-{name}": _encode_value(value) for name, value in event.attributes.items() if name != "datacontenttype"
    }
    # JSON is implied only inside of the JSON format: elsewhere it has to be said (spec.md, datacontenttype).
    if event.data is not None or "datacontenttype" in event.attributes:
        headers["Content-Type"] = event.content_type
    return headers, event.data


def encode_structured(event: Event) -> tuple[dict[str, str], bytes]:
    """The event as a JSON object; raises `Permanent` as `encode_one` does."""
    return {"Content-Type": f"{EVENT_TYPE}; charset=utf-8"}, encode_one(event)


def encode_batch(events: Iterable[Event]) -> tuple[dict[str, str], bytes]:
    """The events as a JSON array; raises `Permanent` for the first that `encode_one` refuses."""
    return {"Content-Type": _BATCH}, b"[%b]" % b",".join(map(encode_one, events))


def decode(headers: Mapping[str, str], body: bytes) -> list[Event] | None:
    """The events of a request or an answer, in any mode; None when it does not claim to be a CloudEvent.

    Header names may be in any case; an empty body is no data in binary mode. Raises `Permanent` for what claims to
    be a CloudEvent and is none; in a batch, its message names the index.
    """
    fields: dict[str, str] = {}
    twice: list[str] = []
    for name, value in headers.items():
        name = name.lower()
        if name.startswith("ce-") or name == "content-type":
            if name in fields:
                twice.append(name)
            fields[name] = value
    content_type = fields.pop("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    is_enveloped = media_type.startswith("application/cloudevents")
    if not is_enveloped and "ce-specversion" not in fields:
        return None
    if twice:
        raise Permanent(f"the header {twice[0]!r} is there more than once")
    return _decode_body(media_type, body) if is_enveloped else [_decode_binary(fields, content_type, body)]


def _decode_body(media_type: str, body: bytes) -> list[Event]:
    if media_type == EVENT_TYPE:
        return [decode_json(parse(body, "the body"))]
    if media_type != _BATCH:
        raise Permanent(f"the event format {media_type!r} is not supported; send {EVENT_TYPE} or {_BATCH}")
    batch = parse(body, "the body")
    if not isinstance(batch, list):
        raise Permanent(f"the body of {_BATCH} must be a JSON array of events")
    return [decode_json(value, f"event [{index}] of the batch") for index, value in enumerate(batch)]


def _decode_binary(fields: Mapping[str, str], content_type: str, body: bytes) -> Event:
    if "ce-datacontenttype" in fields:
        raise Permanent("the header 'ce-datacontenttype' is not allowed; Content-Type says what the data is")
    attributes: dict[str, Attribute] = {name[3:]: _decode_value(name, value) for name, value in fields.items()}
    if content_type:
        attributes["datacontenttype"] = content_type
    validate(attributes)
    return Event(attributes, body or None)


def _encode_value(value: Attribute) -> str:
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else quote(value, safe=_SAFE)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decode_value(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if quoted := _QUOTED.fullmatch(value):  # spaces could be written so before 1.0.2
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    if _BAD_PERCENT.search(value):
        raise Permanent(f"the header {name!r} has a % without two hexadecimal digits; a percent sign is written %25")
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError as error:
        raise Permanent(f"the header {name!r} is not percent-encoded UTF-8: {error}") from error
