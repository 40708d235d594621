"""What an HTTP answer, or none, means for the event that was sent (DESIGN.md, "The way of an event")."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from engine.errors import EventError, Permanent, Retryable, TimedOut, Unavailable, of_status, retry_after


def failure(
    status: int,
    reason: str | None,
    body: bytes | None,
    headers: Mapping[str, str],
    now: float,
    request: str = "the request",
) -> EventError | None:
    """None for 2xx. `now` is in seconds since the epoch; `request` names the request in the message."""
    if 200 <= status < 300:
        return None
    message = f"{request} was answered {status} {reason or ''}".rstrip()
    return of_status(status, message, body=body, after=retry_after(headers.get("Retry-After", ""), now))


def no_answer(error: Exception, timeout: float, request: str = "the request") -> EventError:
    """The meaning of an exception of aiohttp's client. `timeout` is in seconds, for the message."""
    match error:
        case aiohttp.TooManyRedirects():
            return Permanent(f"{request} was redirected too often")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlRedirectClientError():
            return Permanent(f"{request} was redirected to what is no HTTP URL")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Unavailable(f"{request}: no connection: {error}")
        case TimeoutError():
            return TimedOut(f"{request} was not answered within {timeout:g}s")
    return Retryable(f"{request}: the connection failed: {str(error) or type(error).__name__}")
