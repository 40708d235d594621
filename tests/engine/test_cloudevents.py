from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from engine.cloudevents import (
    decode,
    decode_json,
    encode_batch,
    encode_binary,
    encode_one,
    encode_structured,
)
from engine.errors import Permanent
from engine.event import Attribute, Event

REQUIRED: Mapping[str, Attribute] = {"specversion": "1.0", "id": "1", "source": "/orders", "type": "com.example.order"}
HEADERS = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/orders", "ce-type": "com.example.order"}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
BIG = b'{ "b":123456789012345678901234567890, "a":1.00000000000000000001e999 }'


def make(data: bytes | None, content_type: str | None = None) -> Event:
    return Event(REQUIRED if content_type is None else {**REQUIRED, "datacontenttype": content_type}, data)


def body(**members: Any) -> bytes:
    return json.dumps({**REQUIRED, **members}).encode()


def decode_structured(text: bytes) -> Event:
    events = decode(STRUCTURED, text)
    assert events is not None
    (event,) = events
    return event


# --- encoding


def test_encode_binary_writes_attributes_as_headers() -> None:
    event = Event(
        {
            **REQUIRED,
            "subject": 'Euro € 😀 "100%"',
            "datacontenttype": "text/plain; charset=utf-8",
            "number": -5,
            "yes": True,
            "no": False,
            "punctuation": "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~",
        },
        b"hello",
    )
    assert encode_binary(event) == (
        {
            **HEADERS,
            "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22100%25%22",
            "ce-number": "-5",
            "ce-yes": "true",
            "ce-no": "false",
            "ce-punctuation": "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~",
            "Content-Type": "text/plain; charset=utf-8",
        },
        b"hello",
    )


def test_encode_binary_says_the_implied_content_type() -> None:
    assert encode_binary(make(b"{}"))[0]["Content-Type"] == "application/json"
    assert encode_binary(make(None)) == (HEADERS, None)


@pytest.mark.parametrize(
    ("data", "content_type", "member", "written"),
    [
        (BIG, "application/json", "data", BIG),
        (BIG, None, "data", BIG),
        ('{"ü":"NaN"}\n'.encode(), "text/json", "data", '{"ü":"NaN"}\n'.encode()),
        (b"null", "application/json", "data", b"null"),
        (b' "text"', "application/json", "data", b' "text"'),
        ('\ufeff{"a": "ü"}'.encode(), "application/json", "data", '{"a":"ü"}'.encode()),
        ('{"a": "ü"}'.encode("utf-16"), "application/json", "data", '{"a":"ü"}'.encode()),
        ("[1, 2]".encode("utf-32-be"), "application/json", "data", b"[1,2]"),
        (b'["\xed\xa0\xbd"]', "application/json", "data", b'["\\ud83d"]'),
        (b'{"a":1}', "application/vnd.example+JSON; charset=utf-8", "data", b'{"a":1}'),
        ('<größe x="1"/>'.encode(), "application/xml", "data", '"<größe x=\\"1\\"/>"'.encode()),
        (b"", "text/plain", "data", b'""'),
        (b"{}", "text/plain; charset=UTF-8", "data", b'"{}"'),
        (b"{}", 'text/plain;format=flowed; CharSet="utf8"', "data", b'"{}"'),
        (b"gr\xf6\xdfe", "text/plain; charset=iso-8859-1", "data_base64", b'"Z3L232U="'),
        (b"gr\xf6\xdfe", "text/plain", "data_base64", b'"Z3L232U="'),
        (b"\x00\xff", "application/octet-stream", "data_base64", b'"AP8="'),
        (b"{}", "application/octet-stream", "data_base64", b'"e30="'),
    ],
)
def test_encode_one_writes_data_by_its_content_type(
    data: bytes, content_type: str | None, member: str, written: bytes
) -> None:
    event = make(data, content_type)
    head = json.dumps(dict(event.attributes), separators=(",", ":"))[:-1].encode()
    assert encode_one(event) == head + b',"' + member.encode() + b'":' + written + b"}"


def test_encode_one_without_data() -> None:
    assert json.loads(encode_one(make(None, "application/json"))) == {
        **REQUIRED,
        "datacontenttype": "application/json",
    }


@pytest.mark.parametrize("data", [b"", b"{", b"{}{}", b"NaN", b"[-Infinity]", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_encode_one_refuses_what_is_not_json(data: bytes) -> None:
    with pytest.raises(Permanent, match="the data is not JSON"):
        encode_one(make(data, "application/json"))


@pytest.mark.parametrize("value", ["not JSON", b"not JSON"])
def test_encode_one_refuses_text_that_was_called_json_later(value: str | bytes) -> None:
    event = make(None).with_value(value).replace(datacontenttype="application/json")
    with pytest.raises(Permanent, match="the data is not JSON"):
        encode_one(event)


def test_encode_structured() -> None:
    event = make(BIG)
    assert encode_structured(event) == (STRUCTURED, encode_one(event))


def test_encode_batch_joins_the_events() -> None:
    events = [make(BIG), make(b"\x00", "image/png"), make(None)]
    assert encode_batch(events) == (BATCH, b"[" + b",".join(map(encode_one, events)) + b"]")
    assert encode_batch([]) == (BATCH, b"[]")


# --- decoding


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}, {"ce-id": "1", "ce-type": "t"}])
def test_decode_leaves_what_is_no_cloudevent(headers: Mapping[str, str]) -> None:
    assert decode(headers, b'{"specversion": "1.0"}') is None


def test_decode_binary_reads_headers_in_any_case() -> None:
    headers = {"CE-SpecVersion": "1.0", "Ce-Id": "1", "ce-source": "/orders", "ce-type": "com.example.order"}
    event = make(b"{}", "application/json")
    assert decode({**headers, "CONTENT-TYPE": "application/json", "Host": "a"}, b"{}") == [event]
    assert decode(CIMultiDictProxy(CIMultiDict(headers, content_type="x")), b"") == [make(None)]


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ("%41%2541", "A%41"),
        ('"a \\"quoted\\" \\\\ b%20c"', 'a "quoted" \\ b c'),
        ('a "b', 'a "b'),
        ("plain text", "plain text"),
        ("größe", "größe"),
    ],
)
def test_decode_binary_unescapes_header_values(value: str, subject: str) -> None:
    assert decode({**HEADERS, "ce-subject": value}, b"") == [Event({**REQUIRED, "subject": subject})]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"ce-specversion": "1.0"}, "attribute 'id' is missing"),
        ({**HEADERS, "ce-specversion": "0.3"}, "attribute 'specversion' must be '1.0'"),
        ({**HEADERS, "ce-subject": "100%"}, "the header 'ce-subject' has a % without two hexadecimal digits"),
        ({**HEADERS, "ce-subject": "%C0%A0"}, "the header 'ce-subject' is not percent-encoded UTF-8"),
        ({**HEADERS, "ce-subject": "gr\udcf6\udcdfe"}, "the header 'ce-subject' is not percent-encoded UTF-8"),
        ({**HEADERS, "ce-subject": "a%0Ab"}, "attribute 'subject' has a character that is not allowed, U+000A"),
        ({**HEADERS, "ce-my-ext": "a"}, "attribute 'my-ext': a name has only a-z and 0-9"),
        ({**HEADERS, "CE-ID": "2"}, "the header 'ce-id' is there more than once"),
        (CIMultiDict([*HEADERS.items(), ("ce-id", "2")]), "the header 'ce-id' is there more than once"),
        ({**HEADERS, "ce-datacontenttype": "text/plain"}, "the header 'ce-datacontenttype' is not allowed"),
        ({**HEADERS, "Content-Type": "json"}, "attribute 'datacontenttype' must be a media type"),
        (
            {"Content-Type": "Application/CloudEvents+Avro; a=b"},
            "the event format 'application/cloudevents+avro' is not supported; send application/cloudevents+json",
        ),
    ],
)
def test_decode_refuses_headers(headers: Mapping[str, str], message: str) -> None:
    with pytest.raises(Permanent) as raised:
        decode(headers, b"{}")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("members", "data", "content_type"),
    [
        ({"data": {"a": [1, "ü"]}}, '{"a":[1,"ü"]}'.encode(), "application/json"),
        ({"data": "text"}, b'"text"', "application/json"),
        ({"data": None}, b"null", "application/json"),
        ({"data": 10**30, "datacontenttype": "text/json"}, b"1" + b"0" * 30, "text/json"),
        ({"data": "half \ud83d", "datacontenttype": "a/b+json"}, b'"half \\ud83d"', "a/b+json"),
        ({"data": "<ü/>", "datacontenttype": "text/xml"}, "<ü/>".encode(), "text/xml"),
        ({"data": "ü", "datacontenttype": "a/b; charset=latin1"}, b"\xfc", "a/b; charset=latin1"),
        ({"data": None, "datacontenttype": "text/xml"}, None, "text/xml"),
        ({"data_base64": "AP8=", "datacontenttype": "image/png"}, b"\x00\xff", "image/png"),
        ({"data_base64": "e30=", "data": None}, b"{}", None),
        ({"data_base64": None, "subject": None}, None, None),
        ({}, None, None),
    ],
)
def test_decode_structured_reads_data(members: dict[str, Any], data: bytes | None, content_type: str | None) -> None:
    expected = make(data, content_type)
    assert decode_structured(body(**members)) == expected
    assert decode_json({**REQUIRED, **members}) == expected


def test_decode_structured_ignores_the_binary_headers() -> None:
    assert decode({**STRUCTURED, "ce-specversion": "0.3", "ce-id": "2"}, body()) == [make(None)]


def test_decode_structured_reads_other_encodings() -> None:
    text = body(subject="größe").decode()
    assert decode_structured(text.encode("utf-16")) == decode_structured(b"\xef\xbb\xbf" + text.encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xff\xfe\xfd", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (body(data=float("nan")), "the body is not JSON: NaN is not a JSON number"),
        (body(data=float("-inf")), "the body is not JSON: -Infinity is not a JSON number"),
        (body(data=0)[:-2] + b"1e999}", "cannot be written as JSON"),
        (b"[1]", "a CloudEvent is a JSON object, not [1]"),
        (body(id=None), "attribute 'id' is missing"),
        (body(ID="2"), "attribute 'ID': a name has only a-z and 0-9"),
        (body(ext={"a": 1}), "attribute 'ext' must be a string"),
        (body(data=1, data_base64="AA=="), "'data' or 'data_base64', not both"),
        (body(data_base64="AA"), "'data_base64' is not base64"),
        (body(data_base64="A\nA=="), "'data_base64' is not base64"),
        (body(data_base64="ü"), "'data_base64' is not base64"),
        (body(data_base64=5), "'data_base64' must be a string, not 5"),
        (body(data={"a": 1}, datacontenttype="text/plain"), "'data' must be a string, because text/plain is not JSON"),
        (body(data="\ud800", datacontenttype="text/plain"), "'data' cannot be written as text/plain"),
        (body(data="€", datacontenttype="text/plain;charset=latin1"), "'data' cannot be written as text/plain"),
        (body(data="a", datacontenttype="text/plain;charset=what"), "unknown encoding: what"),
    ],
)
def test_decode_refuses_a_structured_body(text: bytes, message: str) -> None:
    with pytest.raises(Permanent) as raised:
        decode(STRUCTURED, text)
    assert message in str(raised.value)


def test_decode_batch_reads_all_events() -> None:
    events = [make(b"{}", "application/json"), make(None), make(b"\x00", "image/png")]
    assert decode(*encode_batch(events)) == events
    assert decode(BATCH, b"[]") == []


def test_decode_batch_names_the_event_that_is_wrong() -> None:
    with pytest.raises(Permanent, match=r"event \[1\] of the batch: attribute 'type' is missing"):
        decode(BATCH, b"[" + body() + b"," + body(type=None) + b"]")
    with pytest.raises(Permanent, match="must be a JSON array"):
        decode(BATCH, body())


def test_decode_json_says_where() -> None:
    with pytest.raises(Permanent, match=r"^results: a CloudEvent is a JSON object"):
        decode_json("text", "results")
    with pytest.raises(Permanent, match=r"^attribute 'id' is missing"):
        decode_json({})
    with pytest.raises(Permanent, match=r"^here: cannot be written as JSON"):
        decode_json({**REQUIRED, "data": object()}, "here")


def test_decode_json_leaves_its_argument() -> None:
    value = {**REQUIRED, "data_base64": base64.b64encode(b"a").decode(), "subject": None}
    before = dict(value)
    decode_json(value)
    assert value == before
