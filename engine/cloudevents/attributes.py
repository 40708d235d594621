"""What the attributes of a CloudEvent may be.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#context-attributes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache

from engine.errors import Permanent
from engine.event import Attribute

_REQUIRED = ("id", "source", "specversion", "type")
_NAME = re.compile(r"(?!data\Z)[a-z0-9]+")
_NONCHARACTERS = "".join(chr(plane + low) for plane in range(0, 0x110000, 0x10000) for low in (0xFFFE, 0xFFFF))
_FORBIDDEN = re.compile(f"[\0-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")

_URI_CHARACTER = r'[^\s"<>\\^`{|}%]'  # RFC 3986, and letters beyond ASCII as RFC 3987 has them
_URI_REFERENCE = rf"(?=.){_URI_CHARACTER}*(?:%[0-9A-Fa-f]{{2}}{_URI_CHARACTER}*)*"
_MEDIA_NAME = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HOUR_MINUTE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[Tt]{_HOUR_MINUTE}:(?:[0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|[+-]{_HOUR_MINUTE})"
)


@lru_cache(maxsize=256)  # the events of a batch have one time
def _is_timestamp(text: str) -> bool:
    match = _TIME.fullmatch(text)
    try:
        return match is not None and bool(date.fromisoformat(match[1]))
    except ValueError:
        return False


# The attributes that the specification defines are strings: what each must pass, and that in words.
_DEFINED: Mapping[str, tuple[Callable[[str], object], str]] = {
    "id": (bool, "a non-empty string"),
    "source": (
        re.compile(_URI_REFERENCE).fullmatch,
        "a URI reference, such as /orders or https://example.com/orders (a space is written %20)",
    ),
    "specversion": ("1.0".__eq__, "'1.0', the only version that is understood"),
    "type": (bool, "a non-empty string, such as com.example.order.created"),
    "datacontenttype": (
        re.compile(f"{_MEDIA_NAME}/{_MEDIA_NAME} *(?:;[ -~]*)?").fullmatch,
        "a media type, such as application/json",
    ),
    "dataschema": (
        re.compile(f"[A-Za-z][A-Za-z0-9+.-]*:{_URI_REFERENCE}").fullmatch,
        "a URI, such as https://example.com/order.json",
    ),
    "subject": (bool, "a non-empty string"),
    "time": (_is_timestamp, "an RFC 3339 timestamp, such as 2026-01-31T12:00:00Z"),
}
_EXTENSION = (None, "a string, a whole number of 32 bits, or true or false")


def validate(attributes: Mapping[str, Attribute]) -> None:
    """Raises `Permanent` when these are not the attributes of a CloudEvent, naming the first that is wrong."""
    for name in _REQUIRED:
        if name not in attributes:
            raise Permanent(f"attribute {name!r} is missing; a CloudEvent has {', '.join(_REQUIRED)}")
    for name, value in attributes.items():
        check, meaning = _DEFINED.get(name, _EXTENSION)
        if check is None and not _NAME.fullmatch(name):
            raise Permanent(f"attribute {name!r:.100}: a name has only a-z and 0-9, and is not 'data'")
        if isinstance(value, str):
            # Nearly every value is printable, and that is quicker to ask.
            if not value.isprintable() and (found := _FORBIDDEN.search(value)):
                raise Permanent(f"attribute {name!r} has a character that is not allowed, U+{ord(found[0]):04X}")
            fits = check is None or check(value)
        else:
            fits = check is None and isinstance(value, int) and -(2**31) <= value < 2**31
        if not fits:
            raise Permanent(f"attribute {name!r} must be {meaning}; it is {value!r:.100}")
