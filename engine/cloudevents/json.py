"""The JSON format of CloudEvents: one event as one JSON object.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import base64
import codecs
import json
import re
from json.encoder import encode_basestring
from typing import Any, NoReturn

from engine.cloudevents.attributes import validate
from engine.errors import Permanent
from engine.event import JSON_TYPE, Event, flat_json, is_json, is_text

# Without its search for circles, which parsed JSON cannot have, it is quicker; a circle would be a RecursionError.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.IGNORECASE)


def encode_one(event: Event) -> bytes:
    """The event as a JSON object; raises `Permanent` when its data is not the JSON that its content type says.

    JSON data keeps the bytes it has. Text becomes a string, anything else base64.
    """
    # Half a surrogate pair has no UTF-8; a backslash escape is how JSON writes it.
    attributes = flat_json(event.attributes, encode_basestring).encode("utf-8", "backslashreplace")
    data = event.data
    if data is None:
        return attributes
    if is_json(event.content_type):
        member, value = b"data", _json_data(event, data)
    elif _is_utf8_text(event.content_type, data):
        member, value = b"data", _dump(data.decode())
    else:
        member, value = b"data_base64", b'"%b"' % base64.b64encode(data)
    return b'%b,"%b":%b}' % (attributes[:-1], member, value)


def decode_json(value: Any, where: str = "") -> Event:
    """The event in an already parsed JSON object; raises `Permanent`, its message headed by `where`."""
    try:
        return _decode(value)
    except Permanent as error:
        raise Permanent(f"{where}: {error}" if where else str(error)) from error


def parse(text: bytes, what: str) -> Any:
    """The value of strict JSON: Python's own parser lets NaN and Infinity pass. Raises `Permanent`."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Permanent(f"{what} is not JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _json_data(event: Event, data: bytes) -> bytes:
    """The bytes as they came, where they can stand in the envelope: written anew, long numbers would change."""
    value = event.value
    # What would spoil the envelope, and its neighbours in a batch, yet passes as a value: NaN, which Python reads,
    # and a string or bytes that were made before the content type became JSON.
    if isinstance(value, str | bytes) or b"NaN" in data or b"Infinity" in data:
        value = parse(data, "the data")
    return data if _is_utf8(data) else _dump(value)


def _is_utf8(data: bytes) -> bool:
    # JSON in UTF-16 or UTF-32 has zero bytes, in UTF-8 never.
    if b"\0" in data or data.startswith(codecs.BOM_UTF8):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8_text(content_type: str, data: bytes) -> bool:
    return is_text(content_type) and _charset(content_type) in ("utf-8", "utf8") and _is_utf8(data)


def _charset(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    return found[1].lower() if found else "utf-8"


def _dump(value: Any) -> bytes:
    try:
        # Half a surrogate pair has no UTF-8; a backslash escape is how JSON writes it.
        return _ENCODER.encode(value).encode("utf-8", "backslashreplace")
    except (TypeError, ValueError, RecursionError) as error:
        raise Permanent(f"cannot be written as JSON: {error}") from error


def _decode(value: Any) -> Event:
    if not isinstance(value, dict):
        raise Permanent(f"a CloudEvent is a JSON object, not {value!r:.100}")
    attributes = {name: item for name, item in value.items() if item is not None}
    data = attributes.pop("data", None)
    encoded = attributes.pop("data_base64", None)
    validate(attributes)
    if encoded is not None:
        if data is not None:
            raise Permanent("a CloudEvent has 'data' or 'data_base64', not both")
        return Event(attributes, _from_base64(encoded))
    if "data" not in value:
        return Event(attributes)
    content_type = attributes.setdefault("datacontenttype", JSON_TYPE)
    if is_json(content_type):
        return Event(attributes, _dump(data))  # null too: it is data (3.1.1)
    return Event(attributes, None if data is None else _from_text(data, content_type))


def _from_base64(encoded: Any) -> bytes:
    if not isinstance(encoded, str):
        raise Permanent(f"'data_base64' must be a string, not {encoded!r:.100}")
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise Permanent(f"'data_base64' is not base64: {error}") from error


def _from_text(data: Any, content_type: str) -> bytes:
    if not isinstance(data, str):
        raise Permanent(f"'data' must be a string, because {content_type:.100} is not JSON; it is {data!r:.100}")
    try:
        return data.encode(_charset(content_type))
    except (LookupError, UnicodeError) as error:
        raise Permanent(f"'data' cannot be written as {content_type:.100}: {error}") from error
