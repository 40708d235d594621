from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import (
    KafkaMessage,
    from_binary,
    from_structured,
    to_binary,
    to_structured,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from bindings.contract import Publication
from bindings.kafka import component
from bindings.kafka.message import Reader, Record, Writer
from engine.cloudevents import decode
from engine.errors import Permanent
from tests.bindings.fakes import operation

FORMAT = JSONFormat()
TIME = 1_764_000_000_123


def settings(**more: Any) -> Any:
    return component.metadata.model_validate({"brokers": "localhost", "authType": "none", **more})


def message(
    value: bytes | None = b"x", headers: list[tuple[str, bytes | None]] | None = None, key: bytes | None = None
) -> Message:
    return Message(
        topic="orders",
        partition=3,
        offset=42,
        key=key,
        value=value,
        headers=headers,  # type: ignore[arg-type]
        timestamp=(TIMESTAMP_CREATE_TIME, TIME),
    )


def sdk(record: Record) -> KafkaMessage:
    """What the SDK of CloudEvents gets."""
    headers = {name: value if isinstance(value, bytes) else b"" for name, value in record.headers}
    return KafkaMessage(headers=headers, key=record.key, value=record.value or b"")


def event(data: Any, content_type: str, **extensions: Any) -> CloudEvent:
    attributes = {"id": "1", "source": "/shop", "type": "order", "datacontenttype": content_type, **extensions}
    return CloudEvent(attributes={**attributes, "time": datetime(2026, 11, 24, 8, tzinfo=UTC)}, data=data)


def test_plain_message_is_known_by_its_place() -> None:
    received = Reader(settings()).received(message(b"hello", [("tenant", b"acme"), ("none", None)], b"k"))
    assert (received.id, received.data) == ("orders-3-42", b"hello")
    assert received.attributes == {"time": "2025-11-24T16:00:00.123Z"}
    assert received.metadata == {
        "tenant": "acme",
        "none": "",
        "__topic": "orders",
        "__partition": "3",
        "__offset": "42",
        "__key": "k",
        "__timestamp": str(TIME),
    }


def test_message_of_the_sdk_in_binary_mode_is_an_event() -> None:
    sent = to_binary(event({"n": 1}, "application/json", partitionkey="p", tenant="ä"), FORMAT)
    received = Reader(settings()).received(message(sent.value, list(sent.headers.items()), b"p"))
    assert (received.id, json.loads(received.data or b"")) == ("1", {"n": 1})
    assert received.attributes == {
        "specversion": "1.0",
        "source": "/shop",
        "type": "order",
        "datacontenttype": "application/json",
        "time": "2026-11-24T08:00:00Z",
        "partitionkey": "p",
        "tenant": "ä",
    }


def test_message_of_the_sdk_in_structured_mode_comes_whole_with_its_content_type() -> None:
    """The engine opens the envelope."""
    sent = to_structured(event({"n": 1}, "application/json"), FORMAT)
    received = Reader(settings()).received(message(sent.value, list(sent.headers.items())))
    assert str(received.attributes["datacontenttype"]).startswith("application/cloudevents+json")
    [held] = decode({"content-type": str(received.attributes["datacontenttype"])}, received.data or b"") or []
    assert (held.id, held.source, held.value) == ("1", "/shop", {"n": 1})


def test_sdk_reads_what_is_written_in_binary_mode() -> None:
    one = operation("create", b'{"n":1}', type="order", datacontenttype="application/json", partitionkey="p", ok=True)
    record = Writer(settings()).of_operation(one)
    found = from_binary(sdk(record), FORMAT)
    assert (found.get_id(), found.get_type(), found.get_data()) == (one.event.id, "order", {"n": 1})
    assert (found.get_extension("ok"), record.key) == ("true", b"p")


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (b'{"n":1}', "application/json", {"n": 1}),
        ("grün".encode(), "text/plain", "grün"),
        (bytes(range(256)), "application/octet-stream", bytes(range(256))),
        (b"{not json", "application/json", b"{not json"),
        (b"", "application/json", b""),
        (b"\xff", "text/plain", b"\xff"),
    ],
)
def test_sdk_reads_what_is_written_in_structured_mode(data: bytes, content_type: str, expected: Any) -> None:
    one = operation("create", data, {"tenant": "acme"}, datacontenttype=content_type, size=7, ok=True)
    record = Writer(settings(contentMode="structured")).of_operation(one)
    assert record.headers == [
        ("content-type", b"application/cloudevents+json; charset=UTF-8"),
        ("tenant", b"acme"),
    ]
    found = from_structured(sdk(record), FORMAT)
    assert (found.get_id(), found.get_data()) == (one.event.id, expected)
    assert (found.get_extension("size"), found.get_extension("ok")) == (7, True)


def test_event_without_data_is_a_document_without_data() -> None:
    one = operation("create")
    one.event.data = None
    record = Writer(settings(contentMode="structured")).of_operation(one)
    assert "data" not in json.loads(record.value or b"")
    assert Writer(settings()).of_operation(one).value is None


def test_publication_is_sent_as_it_is() -> None:
    wanted = {"partitionKey": "k", "partitionNumber": "2", "tenant": "acme"}
    record = Writer(settings()).of_publication(Publication(b"\x00", "image/png", wanted))
    assert (record.value, record.key, record.partition) == (b"\x00", b"k", 2)
    assert record.headers == [
        ("content-type", b"image/png"),
        ("partitionKey", b"k"),
        ("partitionNumber", b"2"),
        ("tenant", b"acme"),
    ]


def test_headers_are_escaped_and_excluded_as_the_settings_say() -> None:
    reader = Reader(settings(escapeHeaders="true", excludeHeaderMetaRegex="^secret"))
    received = reader.received(message(headers=[("a", b"x y/\xc3\xa4"), ("secret1", b"s")], key=b"k k"))
    assert received.metadata["a"] == "x+y%2F%C3%A4"
    assert received.metadata["__key"] == "k+k"
    assert "secret1" not in received.metadata


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    received = Reader(settings()).received(
        message(headers=[("a", b"\xff"), ("ce_Bad", b"1"), ("ce_", b"2")], key=b"\xfe")
    )
    assert (received.metadata["a"], received.metadata["__key"]) == ("\\xff", "\\xfe")
    assert list(received.attributes) == ["time"]


def test_unknown_operation_is_permanent() -> None:
    with pytest.raises(Permanent, match="no operation 'get'"):
        Writer(settings()).of_operation(operation("get"))
