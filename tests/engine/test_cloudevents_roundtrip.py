"""What one side encodes, the other decodes to the same event: ourselves, and the CloudEvents SDK for Python."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import http as sdk
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cloudevents import decode, decode_json, encode_batch, encode_binary, encode_one, encode_structured, validate
from engine.errors import Permanent
from engine.event import Attribute, Event

steady = settings(deadline=None, derandomize=True, max_examples=100)

letters = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")))
some_letters = letters.filter(bool)
times = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
uris = some_letters.map(lambda text: quote(text, safe="/:?&=#ü"))
defined = st.fixed_dictionaries(
    {"specversion": st.just("1.0"), "id": some_letters, "source": uris, "type": some_letters},
    optional={"subject": some_letters, "time": times, "dataschema": uris.map("urn:{}".format)},
)
extensions = st.dictionaries(
    st.from_regex(r"ext[a-z0-9]{0,17}", fullmatch=True), letters | st.booleans() | st.integers(-(2**31), 2**31 - 1)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
json_data = json_values.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
content = st.one_of(
    st.tuples(st.sampled_from(["application/json", "application/vnd.example+json"]), json_data),
    st.tuples(st.sampled_from(["text/plain; charset=utf-8", "application/xml"]), st.text(min_size=1).map(str.encode)),
    st.tuples(st.sampled_from(["application/octet-stream", "text/plain"]), st.binary(min_size=1)),
    st.tuples(st.just("text/plain"), st.none()),
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    content_type, data = draw(content)
    return Event({**draw(defined), **draw(extensions), "datacontenttype": content_type}, data)


def in_strings(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    """The attributes as binary mode has them: without types."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in attributes.items()}


@steady
@given(events())
def test_binary_mode_is_lossless(event: Event) -> None:
    headers, body = encode_binary(event)
    validate(event.attributes)
    assert all(value.isascii() and " " not in value for name, value in headers.items() if name.startswith("ce-"))
    assert decode(headers, body or b"") == [Event(in_strings(dict(event.attributes)), event.data)]


@steady
@given(events())
def test_structured_mode_is_lossless(event: Event) -> None:
    assert decode(*encode_structured(event)) == [event]


@steady
@given(st.lists(events(), max_size=5))
def test_batched_mode_is_lossless(batch: list[Event]) -> None:
    assert decode(*encode_batch(batch)) == batch


@steady
@given(json_values | st.fixed_dictionaries({"data": json_values}, optional={"datacontenttype": letters}))
def test_decode_json_gives_an_event_or_an_error_for_people(value: Any) -> None:
    members = (
        {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", **value} if isinstance(value, dict) else value
    )
    try:
        event = decode_json(members)
    except Permanent:
        return
    assert decode_json(json.loads(encode_one(event))) == event


@steady
@given(
    st.dictionaries(st.sampled_from(["ce-id", "ce-source", "ce-type", "ce-specversion", "ce-x", "CE-X"]), st.text()),
    st.sampled_from(["application/cloudevents+json", "application/cloudevents-batch+json", "application/json", ""]),
    st.binary() | json_data,
)
def test_decode_gives_events_or_an_error_for_people(headers: dict[str, str], content_type: str, body: bytes) -> None:
    try:
        decoded = decode({"ce-specversion": "1.0", "content-type": content_type, **headers}, body)
    except Permanent:
        return
    for event in decoded or []:
        validate(event.attributes)


# --- the SDK as the other party


def seen(event: BaseCloudEvent, like: Event) -> tuple[dict[str, Any], Any]:
    """What the SDK decoded; it invents a time where there is none."""
    attributes = dict(event.get_attributes())
    if "time" in like.attributes:
        attributes["time"] = attributes["time"].isoformat()
    else:
        del attributes["time"]
    return attributes, event.get_data()


@steady
@given(events())
def test_sdk_reads_our_binary_mode(event: Event) -> None:
    headers, body = encode_binary(event)
    attributes, data = seen(sdk.from_binary_event(sdk.HTTPMessage(headers, body or b"")), event)
    assert attributes == in_strings(dict(event.attributes))
    assert JSONFormat().read_data(event.data or b"", event.content_type) == data


@steady
@given(st.lists(events(), max_size=5))
def test_sdk_reads_our_structured_and_batched_mode(batch: list[Event]) -> None:
    elements = json.loads(encode_batch(batch)[1])
    for event, element in zip(batch, elements, strict=True):
        headers, body = encode_structured(event)
        assert json.loads(body) == element
        attributes, data = seen(sdk.from_structured_event(sdk.HTTPMessage(headers, body)), event)
        assert attributes == event.attributes
        assert data == (event.data if isinstance(data, bytes) else event.value)


THEIRS: list[tuple[dict[str, Any], Any]] = [
    ({"datacontenttype": "application/json"}, {"größe": [1, 2.5, None, True]}),
    ({"datacontenttype": "text/plain", "subject": 'größe "100%" 😀'}, "größe\n"),
    ({"datacontenttype": "application/octet-stream", "number": 5}, b"\x00\xff"),
    ({"dataschema": "https://example.com/schema.json"}, None),
]


def theirs(attributes: dict[str, Any], data: Any) -> CloudEvent:
    time = datetime(2026, 1, 31, 12, tzinfo=UTC)
    return CloudEvent({"id": "1", "source": "/a", "type": "t", "time": time, **attributes}, data)


def ours(attributes: dict[str, Any], data: Any) -> Event:
    time = "2026-01-31T12:00:00Z"
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")) if isinstance(data, dict) else data
    return Event(
        {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "time": time, **attributes},
        written.encode() if isinstance(written, str) else written,
    )


@pytest.mark.parametrize(("attributes", "data"), THEIRS)
def test_we_read_the_binary_mode_of_the_sdk(attributes: dict[str, Any], data: Any) -> None:
    message = sdk.to_binary_event(theirs(attributes, data))
    (event,) = decode(message.headers, message.body) or []
    expected = ours(in_strings(attributes), data)
    assert event.attributes == expected.attributes
    assert event.value == expected.value


@pytest.mark.parametrize(("attributes", "data"), THEIRS)
def test_we_read_the_structured_mode_of_the_sdk(attributes: dict[str, Any], data: Any) -> None:
    message = sdk.to_structured_event(theirs(attributes, data))
    assert decode(message.headers, message.body) == [ours(attributes, data)]


def test_we_read_a_batch_of_events_of_the_sdk() -> None:
    # The SDK has no batched mode; the format is an array of what it writes in structured mode.
    written = [JSONFormat().write(theirs(attributes, data)) for attributes, data in THEIRS]
    headers = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}
    assert decode(headers, b"[" + b",\n".join(written) + b"]") == [ours(*each) for each in THEIRS]
