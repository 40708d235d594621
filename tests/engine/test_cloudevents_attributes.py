from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from engine.cloudevents import validate
from engine.errors import Permanent
from engine.event import Attribute

REQUIRED: Mapping[str, Attribute] = {"specversion": "1.0", "id": "1", "source": "/orders", "type": "com.example.order"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", "1-555-123-4567"),
        ("source", "mailto:cncf-wg-serverless@lists.cncf.io"),
        ("source", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"),
        ("source", "https://example.com/a%20b?c=d#e"),
        ("source", "/größe"),
        ("time", "2018-04-05T17:31:00Z"),
        ("time", "2018-04-05t17:31:00.123456789z"),
        ("time", "2016-12-31T23:59:60-08:00"),
        ("time", "2024-02-29T00:00:00+05:30"),
        ("dataschema", "https://example.com/order.json#/definitions/order"),
        ("datacontenttype", "application/vnd.example+json; charset=utf-8"),
        ("datacontenttype", 'multipart/mixed;boundary="a b"'),
        ("subject", "größe / 👩‍🚀 / non\u00a0breaking"),
        ("empty", ""),
        ("truth", True),
        ("smallest", -(2**31)),
        ("largest", 2**31 - 1),
        ("0", "a name of one digit"),
    ],
)
def test_validate_accepts(name: str, value: Attribute) -> None:
    validate({**REQUIRED, name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("id", "", "attribute 'id' must be a non-empty string"),
        ("id", 7, "attribute 'id' must be a non-empty string; it is 7"),
        ("type", "", "attribute 'type' must be a non-empty string"),
        ("subject", "", "attribute 'subject' must be a non-empty string"),
        ("specversion", "0.3", "attribute 'specversion' must be '1.0'"),
        ("source", "", "attribute 'source' must be a URI reference"),
        ("source", "/a b", "a space is written %20); it is '/a b'"),
        ("source", "/100%", "attribute 'source' must be a URI reference"),
        ("dataschema", "order.json", "attribute 'dataschema' must be a URI"),
        ("dataschema", "https:", "attribute 'dataschema' must be a URI"),
        ("datacontenttype", "json", "attribute 'datacontenttype' must be a media type"),
        ("datacontenttype", "text/plain; name=é", "attribute 'datacontenttype' must be a media type"),
        ("time", "yesterday", "attribute 'time' must be an RFC 3339 timestamp"),
        ("time", "2023-02-29T00:00:00Z", "attribute 'time' must be an RFC 3339 timestamp"),
        ("time", "2018-04-05T17:31:00", "attribute 'time' must be an RFC 3339 timestamp"),
        ("time", "2018-04-05T24:00:00Z", "attribute 'time' must be an RFC 3339 timestamp"),
        ("time", "２018-04-05T17:31:00Z", "attribute 'time' must be an RFC 3339 timestamp"),
        ("subject", "a\nb", "attribute 'subject' has a character that is not allowed, U+000A"),
        ("ext", "\x85", "attribute 'ext' has a character that is not allowed, U+0085"),
        ("ext", "\udead", "attribute 'ext' has a character that is not allowed, U+DEAD"),
        ("ext", "\ufffe", "attribute 'ext' has a character that is not allowed, U+FFFE"),
        ("ext", "\U0010ffff", "attribute 'ext' has a character that is not allowed, U+10FFFF"),
        ("ext", 2**31, "attribute 'ext' must be a string, a whole number of 32 bits, or true or false"),
        ("ext", 1.5, "attribute 'ext' must be a string, a whole number of 32 bits, or true or false; it is 1.5"),
        ("ext", ["a"], "it is ['a']"),
        ("myExt", "a", "attribute 'myExt': a name has only a-z and 0-9"),
        ("my_ext", "a", "attribute 'my_ext': a name has only a-z and 0-9"),
        ("ext\n", "a", "a name has only a-z and 0-9"),
        ("", "a", "attribute '': a name has only a-z and 0-9"),
        ("data", "a", "attribute 'data': a name has only a-z and 0-9, and is not 'data'"),
    ],
)
def test_validate_refuses(name: str, value: Any, message: str) -> None:
    with pytest.raises(Permanent) as raised:
        validate({**REQUIRED, name: value})
    assert message in str(raised.value)


@pytest.mark.parametrize("name", REQUIRED)
def test_validate_names_the_missing_attribute(name: str) -> None:
    with pytest.raises(Permanent, match=f"attribute '{name}' is missing"):
        validate({key: value for key, value in REQUIRED.items() if key != name})
