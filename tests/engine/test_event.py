from __future__ import annotations

from typing import Any

import pytest

from engine.errors import Permanent
from engine.event import Attribute, Event, encode, is_json, is_text


def event(data: bytes | None = b'{"n":1}', **attributes: Attribute) -> Event:
    return Event({"specversion": "1.0", "id": "a", "source": "/orders", "type": "order", **attributes}, data)


@pytest.mark.parametrize(
    ("content_type", "json", "text"),
    [
        ("application/json", True, False),
        ("application/json; charset=utf-8", True, False),
        ("Application/Vnd.Order+JSON", True, False),
        ("text/json", True, True),
        ("text/plain", False, True),
        ("application/xml", False, True),
        ("image/svg+xml", False, True),
        ("application/yaml", False, True),
        ("image/png", False, False),
        ("application/jsonp", False, False),
        ("", False, False),
    ],
)
def test_content_type_says_what_data_is(content_type: str, json: bool, text: bool) -> None:
    assert (is_json(content_type), is_text(content_type)) == (json, text)


def test_content_type_is_json_unless_it_is_said() -> None:
    assert event().content_type == "application/json"
    assert event(datacontenttype="text/csv").content_type == "text/csv"


@pytest.mark.parametrize(
    ("data", "content_type", "value"),
    [
        (b'{"n":1}', "application/json", {"n": 1}),
        (b"null", "application/json", None),
        (b"\xc3\xa9", "text/plain", "é"),
        (b"\xff", "image/png", b"\xff"),
        (None, "application/json", None),
    ],
)
def test_value_is_the_data_parsed(data: bytes | None, content_type: str, value: Any) -> None:
    assert event(data, datacontenttype=content_type).value == value


def test_value_is_parsed_once() -> None:
    one = event()
    assert one.value is one.value
    assert one.replace(subject="kit").value is one.value


def test_value_is_parsed_anew_when_the_content_type_changes() -> None:
    one = event()
    assert one.value == {"n": 1}
    assert one.replace(datacontenttype="text/plain").value == '{"n":1}'


@pytest.mark.parametrize(
    ("data", "content_type", "what"),
    [
        (b"{", "application/json", "JSON"),
        (b"[" * 100_000, "application/json", "JSON"),
        (b"\xff", "text/plain", "UTF-8"),
    ],
)
def test_data_that_is_not_what_it_should_be_is_permanent(data: bytes, content_type: str, what: str) -> None:
    with pytest.raises(Permanent, match=f"the data is not {what}"):
        _ = event(data, datacontenttype=content_type).value


def test_replace_leaves_the_event_as_it_was() -> None:
    one = event(subject="old")
    other = one.replace(subject="new", self=True)
    assert (one.attributes["subject"], other.attributes["subject"], other.attributes["self"]) == ("old", "new", True)
    assert other.data == one.data


def test_new_data_has_no_schema_or_place_of_the_old() -> None:
    other = event(dataschema="https://example.com/s", dataref="https://example.com/d").with_data(b"x", "text/plain")
    assert other.attributes.keys() == {"specversion", "id", "source", "type", "datacontenttype"}
    assert (other.data, other.content_type) == (b"x", "text/plain")


@pytest.mark.parametrize(
    ("value", "data", "content_type"),
    [
        ({"n": [1, None, True]}, b'{"n":[1,null,true]}', "application/json"),
        ("é", "é".encode(), "text/plain"),
        (b"\xff", b"\xff", "application/octet-stream"),
        (5, b"5", "application/json"),
        (None, None, "application/json"),
    ],
)
def test_value_becomes_data(value: Any, data: bytes | None, content_type: str) -> None:
    assert encode(value) == (data, content_type)
    changed = event().with_value(value)
    assert (changed.data, changed.content_type, changed.value) == (data, content_type, value)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": {1, 2}}, object(), "\ud800", ["\ud800"]])
def test_value_that_cannot_be_data_is_permanent(value: Any) -> None:
    with pytest.raises(Permanent, match="the data cannot be written"):
        encode(value)


def test_events_are_equal_by_attributes_and_data() -> None:
    assert event() == event()
    assert event() != event(b"{}")
    assert event() != event(subject="kit")
