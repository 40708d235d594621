from __future__ import annotations

from typing import Any

import pytest

from bindings.contract import Operation
from bindings.http.metadata import HttpMetadata
from bindings.http.request import Request, make_request
from engine.errors import Permanent
from engine.event import Event
from tests.bindings.fakes import operation


def make(
    name: str = "post", url: str = "http://host/api", given: dict[str, str] | None = None, **metadata: Any
) -> Request:
    sent = operation(name, b"{}", given, id="order-1", datacontenttype="application/json")
    return make_request(HttpMetadata.model_validate({"url": url, **metadata}), sent)


@pytest.mark.parametrize("name", ["create", "post", "put", "patch"])
def test_request_with_a_body_carries_the_event(name: str) -> None:
    request = make(name)
    assert request.method == {"create": "POST"}.get(name, name.upper())
    assert request.body == b"{}"
    assert request.headers == {
        "Accept": "application/json; charset=utf-8",
        "Content-Type": "application/json",
        "Idempotency-Key": "order-1",
    }


@pytest.mark.parametrize("name", ["get", "head", "delete", "options", "trace"])
def test_request_without_a_body_carries_no_event(name: str) -> None:
    request = make(name)
    assert (request.method, request.body) == (name.upper(), None)
    assert request.headers == {"Accept": "application/json; charset=utf-8"}


def test_event_without_data_has_no_content_type() -> None:
    event = Event(operation("post", datacontenttype="text/plain").event.attributes)
    request = make_request(HttpMetadata(url="http://host"), Operation("post", event, {}))
    assert request.body is None
    assert "Content-Type" not in request.headers


def test_capitalised_metadata_are_headers() -> None:
    given = {"accept": "ignored", "Content-Type": "text/csv", "X-Trace": "1", "idempotency-key": "ignored"}
    request = make(given=given)
    assert request.headers["content-type"] == "text/csv"
    assert request.headers["x-trace"] == "1"
    assert request.headers["accept"] == "application/json; charset=utf-8"
    assert request.headers["idempotency-key"] == "order-1"


def test_headers_of_the_operation_win() -> None:
    given = {"Accept": "*/*", "Idempotency-Key": "mine", "X-Token": "mine"}
    request = make(given=given, securityToken="theirs", securityTokenHeader="x-token")
    assert (request.headers["Accept"], request.headers["Idempotency-Key"]) == ("*/*", "mine")
    assert request.headers.getall("X-Token") == ["mine"]


def test_tracing_metadata_are_headers() -> None:
    assert make(given={"traceparent": "00-1", "baggage": "a=b"}).headers["traceparent"] == "00-1"


def test_headers_of_the_connection_are_left_to_the_client() -> None:
    request = make(given={"Content-Length": "5", "Transfer-Encoding": "chunked"})
    assert not {"Content-Length", "Transfer-Encoding"} & set(request.headers)


def test_id_that_no_header_can_carry_is_percent_encoded() -> None:
    sent = operation("post", id="größe\r\nX: y")
    headers = make_request(HttpMetadata(url="http://host"), sent).headers
    assert headers["Idempotency-Key"] == "gr%C3%B6%C3%9Fe%0D%0AX%3A%20y"


@pytest.mark.parametrize("given", [{"X-A": "1\r\nX-B: 2"}, {"X-A": "1\0"}, {"X A": "1"}, {"X-A:": "1"}, {"Ä": "1"}])
def test_header_that_cannot_be_sent_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Permanent, match="that no header may have"):
        make(given=given)


@pytest.mark.parametrize(
    ("url", "path", "result"),
    [
        ("http://host", "", "http://host"),
        ("http://host/api", "", "http://host/api"),
        ("http://host/api/", "/orders/1", "http://host/api/orders/1"),
        ("http://host", "orders?a=1&b=%2F", "http://host/orders?a=1&b=/"),
        ("http://host/api", "größe 1", "http://host/api/gr%C3%B6%C3%9Fe%201"),
        ("http://host/api", "a..b", "http://host/api/a..b"),
        ("http://host/api", "//evil.example.com/x", "http://host/api/evil.example.com/x"),
        ("http://host/api", "@evil.example.com/x", "http://host/api/@evil.example.com/x"),
    ],
)
def test_path_is_appended(url: str, path: str, result: str) -> None:
    assert str(make(url=url, given={"path": path}).url) == result


@pytest.mark.parametrize("path", ["../admin", "a/../../admin", "%2e%2e/admin", "..%2fadmin", "..\\admin", ".."])
def test_path_that_leads_out_of_the_url_is_refused(path: str) -> None:
    with pytest.raises(Permanent, match="leads out of the component's url"):
        make(given={"path": path})


def test_operation_can_decide_what_is_an_error() -> None:
    assert make().error_if_not_2xx is True
    assert make(errorIfNot2XX="false").error_if_not_2xx is False
    assert make(given={"errorIfNot2XX": "false"}).error_if_not_2xx is False
    assert make(errorIfNot2XX="false", given={"errorIfNot2XX": "true"}).error_if_not_2xx is True
    with pytest.raises(Permanent, match="neither true nor false"):
        make(given={"errorIfNot2XX": "perhaps"})


def test_request_shows_no_secret() -> None:
    request = make(url="http://user:secret@host/api", given={"path": "orders?key=secret#secret"})
    assert str(request) == "POST http://host/api/orders"


def test_authorization_replaces_the_user_of_the_url() -> None:
    request = make(url="http://user:secret@host/api", given={"Authorization": "Bearer x"})
    assert str(request.url) == "http://host/api"
