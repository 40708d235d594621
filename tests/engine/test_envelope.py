from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bindings.contract import Received
from engine.definitions.pipeline import Envelope
from engine.envelope import EnvelopeMaker, sniff
from engine.errors import Permanent
from engine.event import Event, rfc3339
from engine.passage import Arrival, Passage
from tests.engine.stages.passages import Unsettled

NOW = 1_700_000_000.0


def maker(**envelope: Any) -> EnvelopeMaker:
    return EnvelopeMaker(Envelope(**envelope), "uploads", "bindings.localstorage", {"REGION": "eu"})


def received(
    data: bytes | None = b"{}",
    attributes: Mapping[str, str | int | bool] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Received:
    return Received("m-1", data, attributes or {}, metadata or {})


def completed(maker: EnvelopeMaker, message: Received) -> Event:
    event = maker.plain(message, NOW)
    return maker.complete(Passage(Arrival(message, event, Unsettled()), event), NOW)


def test_message_that_says_nothing_of_itself_gets_every_default() -> None:
    assert completed(maker(), received(b'{"n":1}')) == Event(
        {
            "specversion": "1.0",
            "id": "m-1",
            "source": "/uploads",
            "type": "jackfield.localstorage",
            "time": "2023-11-14T22:13:20.000Z",
            "datacontenttype": "application/json",
        },
        b'{"n":1}',
    )


def test_what_the_binding_knows_comes_before_a_default() -> None:
    known: dict[str, str | int | bool] = {
        "type": "order",
        "time": "2020-01-01T00:00:00Z",
        "datacontenttype": "text/csv",
        "subject": "kit",
        "n": 5,
    }
    event = completed(maker(), received(b"{}", known))
    assert {name: event.attributes[name] for name in known} == known
    assert event.source == "/uploads"


def test_what_the_definition_says_comes_first() -> None:
    envelope = maker(
        id="{{ metadata.key }}",
        type="com.example.uploaded",
        source="/{{ env.REGION }}",
        subject="{{ data.name }}",
        datacontenttype="application/vnd.order+json",
        dataschema="https://example.com/order.json",
        extensions={"tenant": "{{ data.tenant }}", "size": "{{ data.size }}", "vip": "{{ data.vip }}", "fixed": 7},
    )
    data = b'{"name":"kit","tenant":"blue","size":5,"vip":true}'
    event = completed(envelope, received(data, {"type": "order", "subject": "old"}, {"key": "in/kit.jpg"}))
    assert event.attributes == {
        "specversion": "1.0",
        "id": "in/kit.jpg",
        "source": "/eu",
        "type": "com.example.uploaded",
        "subject": "kit",
        "time": "2023-11-14T22:13:20.000Z",
        "datacontenttype": "application/vnd.order+json",
        "dataschema": "https://example.com/order.json",
        "tenant": "blue",
        "size": 5,
        "vip": True,
        "fixed": 7,
    }


@pytest.mark.parametrize(("value", "subject"), [("5", "5"), ("true", "true"), ('"kit"', "kit")])
def test_attribute_that_is_a_text_is_written_as_one(value: str, subject: str) -> None:
    event = completed(maker(subject="{{ data.v }}"), received(b'{"v":%b}' % value.encode()))
    assert event.attributes["subject"] == subject


@pytest.mark.parametrize(
    ("envelope", "data", "message"),
    [
        ({"subject": "{{ data.nope }}"}, b"{}", "there is no 'nope'"),
        (
            {"subject": "{{ data.v }}"},
            b'{"v":null}',
            "event.subject must be a text, a whole number or a boolean, not N",
        ),
        ({"subject": "{{ data.v }}"}, b'{"v":1.5}', "event.subject must be a text, a whole number or a boolean, not 1"),
        ({"subject": "{{ data.v }}"}, b'{"v":[1]}', "event.subject must be a text, a whole number or a boolean, not ["),
        ({"subject": "{{ data.v }}"}, b'{"v":""}', "attribute 'subject' must be a non-empty string"),
        ({"subject": "{{ data.v }}"}, b'{"v":"a\\u0007"}', "attribute 'subject' has a character that is not allowed"),
        ({"id": "{{ data.v }}"}, b"{no json", "the data is not JSON"),
        ({"source": "{{ data.v }}"}, b'{"v":"not a uri"}', "attribute 'source' must be a URI reference"),
        ({"extensions": {"size": "{{ data.v }}"}}, b'{"v":9999999999}', "attribute 'size' must be"),
        ({"extensions": {"self": "{{ data.v }}"}}, b'{"v":[]}', "event.self must be a text"),
    ],
)
def test_envelope_that_cannot_be_is_permanent(envelope: dict[str, Any], data: bytes, message: str) -> None:
    with pytest.raises(Permanent) as caught:
        completed(maker(**envelope), received(data))
    assert message in str(caught.value)


def test_extension_of_any_name_is_an_attribute() -> None:
    assert completed(maker(extensions={"self": "x"}), received()).attributes["self"] == "x"


@pytest.mark.parametrize(
    "known", [{"time": "yesterday"}, {"Type": "order"}, {"specversion": "0.3"}, {"source": ""}, {"id": ""}]
)
def test_attributes_of_a_binding_that_are_invalid_are_permanent(known: dict[str, str]) -> None:
    with pytest.raises(Permanent, match="attribute"):
        completed(maker(), received(b"{}", known))


def test_plain_event_needs_no_template_and_no_valid_attribute() -> None:
    event = maker(subject="{{ data.nope }}").plain(received(b"{}", {"time": "yesterday"}), NOW)
    assert (event.id, event.data, event.attributes["time"]) == ("m-1", b"{}", "yesterday")


def test_message_without_data_has_no_content_type() -> None:
    event = completed(maker(), received(None))
    assert event.data is None
    assert "datacontenttype" not in event.attributes


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b'{"n":1}', "application/json"),
        (b" \n[1]", "application/json"),
        (b"{not json", "application/json"),
        (b"id;name\n1;kit", "text/plain"),
        ("ä".encode(), "text/plain"),
        (b"", "text/plain"),
        (b"\x89PNG", "application/octet-stream"),
    ],
)
def test_content_type_is_guessed_from_the_data(data: bytes, content_type: str) -> None:
    assert sniff(data) == content_type


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (NOW + 0.1234, "2023-11-14T22:13:20.123Z"), (NOW, "2023-11-14T22:13:20.000Z")],
)
def test_instant_is_written_as_rfc_3339(seconds: float, text: str) -> None:
    assert rfc3339(seconds) == text


STRUCTURED = (
    b'{"specversion":"1.0","id":"7","source":"/shop","type":"order","datacontenttype":"text/plain","data":"hello"}'
)
JSON_FORMAT = {"datacontenttype": "application/cloudevents+json; charset=utf-8"}


def test_message_in_structured_mode_is_the_event_in_it() -> None:
    event = completed(maker(subject="{{ event.type }}-{{ data }}"), received(STRUCTURED, JSON_FORMAT))
    assert (event.id, event.source, event.type, event.data) == ("7", "/shop", "order", b"hello")
    assert event.attributes["subject"] == "order-hello"


def test_message_in_structured_mode_is_kept_as_it_came_for_a_dead_letter() -> None:
    assert maker().plain(received(STRUCTURED, JSON_FORMAT), NOW).data == STRUCTURED


def test_event_that_its_binding_has_unwrapped_may_hold_an_event() -> None:
    attributes = {**JSON_FORMAT, "source": "/archive", "type": "archived"}
    assert completed(maker(), received(STRUCTURED, attributes)).data == STRUCTURED


@pytest.mark.parametrize(
    ("content_type", "data", "problem"),
    [
        ("application/cloudevents+json", b"{", "is not JSON"),
        ("application/cloudevents+json", b'{"id":"1"}', "attribute 'source' is missing"),
        ("application/cloudevents-batch+json", b"[]", "one message must hold one event, not 0"),
        ("application/cloudevents+avro", b"", "is not supported"),
    ],
)
def test_message_that_claims_to_be_an_event_and_is_none_is_refused(
    content_type: str, data: bytes, problem: str
) -> None:
    with pytest.raises(Permanent, match=problem):
        completed(maker(), received(data, {"datacontenttype": content_type}))
