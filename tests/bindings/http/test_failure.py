from __future__ import annotations

import aiohttp
import pytest

from bindings.http.failure import failure, no_answer
from engine.errors import EventError, Permanent, Retryable, TimedOut, Unavailable

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_failure_of_success_is_none(status: int) -> None:
    assert failure(status, "OK", b"", {}, NOW) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Permanent),
        (304, Permanent),
        (400, Permanent),
        (404, Permanent),
        (422, Permanent),
        (408, Retryable),
        (425, Retryable),
        (429, Unavailable),
        (500, Retryable),
        (501, Retryable),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (599, Retryable),
    ],
)
def test_failure_says_what_to_do(status: int, kind: type[EventError]) -> None:
    error = failure(status, "Some Reason", b"body", {}, NOW, request="POST http://host/")
    assert type(error) is kind
    assert (error.status, error.body) == (status, b"body")
    assert str(error) == f"POST http://host/ was answered {status} Some Reason"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failure_carries_retry_after(status: int) -> None:
    error = failure(status, "", None, {"Retry-After": "7"}, NOW)
    assert isinstance(error, Retryable)
    assert error.after == 7


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (aiohttp.ConnectionTimeoutError("slow"), Unavailable, "the request: no connection: slow"),
        (TimeoutError(), TimedOut, "the request was not answered within 1.5s"),
        (aiohttp.ServerDisconnectedError(), Retryable, "the request: the connection failed: Server disconnected"),
        (ConnectionResetError(), Retryable, "the request: the connection failed: ConnectionResetError"),
        (aiohttp.InvalidURL("x"), Permanent, "the request was redirected to what is no HTTP URL"),
    ],
)
def test_no_answer_says_what_to_do(error: Exception, kind: type[EventError], message: str) -> None:
    result = no_answer(error, 1.5)
    assert (type(result), str(result)) == (kind, message)
