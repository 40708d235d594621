from __future__ import annotations

import pytest

from engine.errors import DefinitionError
from engine.plan.answers import reply_of


def test_a_mere_body_is_an_answer_of_200() -> None:
    reply = reply_of(b'{"n": 1}', None, "f")

    assert (reply.status, dict(reply.headers), reply.body) == (200, {"Content-Type": "application/json"}, b'{"n": 1}')
    assert reply_of(b"", None, "f").headers == {}
    assert reply_of(b"<a/>", "application/xml", "f").headers == {"Content-Type": "application/xml"}


@pytest.mark.parametrize("break_", [b"\n", b"\r\n"])
def test_an_http_message_has_a_status_headers_in_any_case_and_a_body(break_: bytes) -> None:
    reply = reply_of(break_.join((b"HTTP/1.1 503 Busy", b"retry-after: 3", b"X: a: b", b"", b"body\n")), None, "f")

    assert (reply.status, reply.body) == (503, b"body\n")
    assert (reply.headers.get("Retry-After"), reply.headers["x"]) == ("3", "a: b")


@pytest.mark.parametrize("text", [b"HTTP/1.1\n\n", b"HTTP/1.1 OK\n\n", b"HTTP/1.1 200 OK\n" + b"a: b\n" * 1000])
def test_what_is_no_http_message_is_refused(text: bytes) -> None:
    with pytest.raises(DefinitionError):
        reply_of(text, None, "f")
