"""What an HTTP answer, or none, means for the event that was sent (DESIGN.md, "The way of an event")."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import aiohttp

from engine.errors import EventError, Permanent, Retryable, Unavailable

_AWAY = {429, 502, 503, 504}
_PASSING = {408, 425}


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
    after = retry_after(headers.get("Retry-After", ""), now)
    if status in _AWAY:
        return Unavailable(message, status=status, body=body, after=after)
    if status in _PASSING or status >= 500:
        return Retryable(message, status=status, body=body, after=after)
    return Permanent(message, status=status, body=body)


def retry_after(value: str, now: float) -> float | None:
    """Seconds to wait, from a number of seconds or a date (RFC 9110, 10.2.3); None for anything else."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


def no_answer(error: Exception, timeout: float, request: str = "the request") -> EventError:
    """The meaning of an exception of aiohttp's client. `timeout` is in seconds, for the message."""
    match error:
        case aiohttp.TooManyRedirects():
            return Permanent(f"{request} was redirected too often")
        case aiohttp.InvalidURL():
            return Permanent(f"{request} was redirected to what is no URL")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Unavailable(f"{request}: no connection: {error}")
        case TimeoutError():
            return Retryable(f"{request} was not answered within {timeout:g}s")
    return Retryable(f"{request}: the connection failed: {error or type(error).__name__}")
