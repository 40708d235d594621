from __future__ import annotations

import json
from typing import Any

import pytest

from engine.api.envelope import EnvelopeError, envelope
from engine.event import JSON_TYPE

NAMES = {"topic": "orders", "pubsubname": "pubsub"}


def wrapped(data: bytes, content_type: str, **metadata: str) -> dict[str, Any]:
    event = envelope(data, content_type, metadata, NAMES, source="shop", now=0.0)
    found: dict[str, Any] = json.loads(event)
    return found


@pytest.mark.parametrize(
    ("data", "content_type", "field", "expected"),
    [
        (b'{"n": 1}', "application/json", "data", {"n": 1}),
        (b'{"n": 1}', "application/vnd.shop+json; charset=utf-8", "data", {"n": 1}),
        (b"no json", "application/json", "data", "no json"),
        (b"text", "", "data", "text"),
        (b"\0\1", "application/octet-stream", "data_base64", "AAE="),
    ],
)
def test_message_is_wrapped_by_its_content_type(data: bytes, content_type: str, field: str, expected: Any) -> None:
    event = wrapped(data, content_type)
    assert event[field] == expected
    assert event["datacontenttype"] == (content_type or "text/plain")
    assert (
        event.items() >= {**NAMES, "source": "shop", "specversion": "1.0", "time": "1970-01-01T00:00:00.000Z"}.items()
    )


def test_number_loses_no_digit() -> None:
    data = b'{"n":1.10000000000000000001}'
    assert b'"data":' + data in envelope(data, "application/json", {}, NAMES, source="shop", now=0.0)


def test_event_of_the_app_is_kept_and_completed() -> None:
    event = wrapped(b'{"id":"1","type":"mine","data":5,"topic":"other"}', "application/cloudevents+json")
    assert (event["id"], event["type"], event["source"], event["data"]) == ("1", "mine", "Dapr", 5)
    assert event["topic"] == "orders"


def test_metadata_sets_attributes() -> None:
    event = wrapped(b"1", "application/json", **{"cloudevent.id": "7", "cloudevent.subject": "s"})
    assert (event["id"], event["subject"]) == ("7", "s")


def test_expiration_and_trace_context_are_attributes() -> None:
    trace = {"traceparent": "00-1-2-01", "tracestate": "a=b", "baggage": "c=d"}
    event = json.loads(envelope(b"1", JSON_TYPE, {}, NAMES, source="shop", now=0.0, expires=60.0, trace=trace))
    assert event["expiration"] == "1970-01-01T00:01:00.000Z"
    assert (event["traceparent"], event["traceid"], event["tracestate"]) == ("00-1-2-01", "00-1-2-01", "a=b")
    assert "baggage" not in event


@pytest.mark.parametrize("data", [b"[]", b"no json"])
def test_what_is_said_to_be_an_event_must_be_an_object(data: bytes) -> None:
    with pytest.raises(EnvelopeError, match="JSON"):
        wrapped(data, "application/cloudevents+json")
