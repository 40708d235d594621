"""The event: a CloudEvents 1.0 envelope with its data (https://github.com/cloudevents/spec, v1.0.2).

Data stays the bytes that arrived; `Event.value` parses them when a step first looks, and only then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, TypeAlias

from engine.errors import Permanent

Attribute: TypeAlias = str | int | bool
"""CloudEvents attribute values as JSON has them; URIs, timestamps and binary are strings."""

JSON_TYPE = "application/json"
EVENT_TYPE = "application/cloudevents+json"  # of an event in structured mode
_UNPARSED = object()


def is_json(content_type: str) -> bool:
    """Whether a media type means JSON: `*/json` or `*/*+json`, with any parameters (CloudEvents JSON, 3.1)."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json"))


def is_text(content_type: str) -> bool:
    """Whether data of a media type can be shown and templated as a string."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type.endswith(("/xml", "+xml", "/yaml", "+yaml"))


def rfc3339(seconds: float) -> str:
    """An instant as CloudEvents writes it: RFC 3339 in UTC, to the millisecond; `seconds` since the epoch."""
    return _millisecond(round(seconds * 1e6) // 1000)


@lru_cache(maxsize=16)  # the events of a batch have one time
def _millisecond(number: int) -> str:
    return datetime.fromtimestamp(number / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flat_json(values: Mapping[str, Attribute], quote: Callable[[str], str] = encode_basestring_ascii) -> str:
    """A JSON object of texts, whole numbers and booleans: several times as quick as `json.dumps`, which is made for
    more. `quote` writes a text; the usual one escapes all that is not ASCII.
    """
    return "{" + ",".join([f"{quote(name)}:{_written(value, quote)}" for name, value in values.items()]) + "}"


def _written(value: Attribute, quote: Callable[[str], str]) -> str:
    if isinstance(value, str):
        return quote(value)
    return repr(value) if not isinstance(value, bool) else ("true" if value else "false")


class Event:
    """One event. Treat it as immutable: a step that changes something makes a new one with `replace`."""

    __slots__ = ("_value", "attributes", "data")

    def __init__(self, attributes: Mapping[str, Attribute], data: bytes | None = None) -> None:
        self.attributes = attributes
        self.data = data
        self._value: Any = _UNPARSED

    @property
    def id(self) -> str:
        return str(self.attributes["id"])

    @property
    def source(self) -> str:
        return str(self.attributes["source"])

    @property
    def type(self) -> str:
        return str(self.attributes["type"])

    @property
    def content_type(self) -> str:
        """`datacontenttype`; absent means JSON (CloudEvents 1.0, 3.1.1)."""
        return str(self.attributes.get("datacontenttype", JSON_TYPE))

    @property
    def value(self) -> Any:
        """The data, parsed: what JSON holds, or a string for text, or the bytes, or None where there is none.

        Raises `Permanent` when the data is not what its content type says.
        """
        if self._value is _UNPARSED:
            self._value = self._parse()
        return self._value

    def _parse(self) -> Any:
        if self.data is None:
            return None
        try:
            if is_json(self.content_type):
                return json.loads(self.data)
            return self.data.decode() if is_text(self.content_type) else self.data
        except (ValueError, RecursionError) as error:
            what = "JSON" if is_json(self.content_type) else "UTF-8 text"
            raise Permanent(f"the data is not {what}, as its content type says: {error}") from error

    def replace(self, /, **attributes: Attribute) -> Event:
        """The same event with some attributes set anew; parsed data is kept unless its content type changes."""
        changed = Event({**self.attributes, **attributes}, self.data)
        if "datacontenttype" not in attributes:
            changed._value = self._value
        return changed

    def with_data(self, data: bytes | None, content_type: str) -> Event:
        """The same event with other data; a `dataref` or `dataschema` to the old data goes."""
        kept = {k: v for k, v in self.attributes.items() if k not in ("dataref", "dataschema")}
        return Event({**kept, "datacontenttype": content_type}, data)

    def with_value(self, value: Any) -> Event:
        """The same event with data made from a value: bytes stay bytes, a string is text, the rest JSON."""
        data, content_type = encode(value)
        changed = self.with_data(data, content_type)
        changed._value = value
        return changed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self.attributes == other.attributes and self.data == other.data

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Event({dict(self.attributes)!r}, {self.data!r})"


def encode(value: Any) -> tuple[bytes | None, str]:
    """A value as data and its content type; raises `Permanent` for what JSON or UTF-8 cannot hold."""
    if value is None:
        return None, JSON_TYPE
    if isinstance(value, bytes):
        return value, "application/octet-stream"
    try:
        if isinstance(value, str):
            return value.encode(), "text/plain"
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(), JSON_TYPE
    except (TypeError, ValueError, RecursionError) as error:
        raise Permanent(f"the data cannot be written: {error}") from error
