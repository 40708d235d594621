"""Errors say what the engine has to do, not only what went wrong.

    JackfieldError
    ├── DefinitionError     a definition, a setting or a command line is wrong: shown to a person, exit status 1
    ├── NotReady            a system behind a component cannot be reached yet: opened again with backoff
    └── EventError          one event could not be taken further
        ├── Retryable       the same event may pass later: tried again, within `delivery.retry`
        │   ├── TimedOut    no answer in time: fewer requests are sent at once
        │   └── Unavailable the other side is not there at all: says nothing about the event, so it does not
        │                   use up an attempt; the breaker opens and the input pauses
        └── Permanent       the same event will fail again: dead-lettered at once

Anything else that is raised on the way of an event is a bug; the engine logs it with its traceback and
treats the event as `Permanent`, so that nothing is lost.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

_LONGEST_WAIT = 86_400.0  # seconds


class JackfieldError(Exception):
    """The root of all errors that are meant for a person."""


class DefinitionError(JackfieldError):
    """A definition, a setting or a command line is wrong; `hint` says what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.hint})" if self.hint else str(self.args[0])


class NotReady(JackfieldError):
    """The system behind a component does not answer yet; the engine waits and opens it again."""


class EventError(JackfieldError):
    """One event could not be taken further.

    `status` and `body` are the answer of the app or of the outside system, where there was one; `body` is cut
    to its first `BODY_LIMIT` bytes, because it is kept with the dead letter.
    """

    BODY_LIMIT = 8192

    def __init__(self, message: str, *, status: int | None = None, body: bytes | None = None) -> None:
        # It may quote what others sent, and half a surrogate pair can neither be stored nor printed.
        super().__init__(message.encode(errors="backslashreplace").decode())
        self.status = status
        self.body = body[: self.BODY_LIMIT] if body else None


class Retryable(EventError):
    """The same event may pass later. `after`: the number of seconds that the other side asked us to wait."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        body: bytes | None = None,
        after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, body=body)
        self.after = after


class TimedOut(Retryable):
    """There was no answer in time: the other side may be overloaded, and gets less at once."""


class Unavailable(Retryable):
    """The other side is not there (connection refused, 429, 502, 503, 504): wait for it, burn no attempt."""


class Permanent(EventError):
    """The same event will fail again, however often it is tried."""


def of_status(status: int, message: str, *, body: bytes | None = None, after: float | None = None) -> EventError:
    """The error that an HTTP status other than 2xx means: for apps and for everything else that speaks HTTP.

    `after`: the Retry-After of the answer in seconds. Sources: RFC 9110, section 15; RFC 6585 (429); RFC 8470 (425).
    """
    if status in (429, 502, 503, 504):
        return Unavailable(message, status=status, body=body, after=after)
    if status in (408, 425) or status >= 500:
        return Retryable(message, status=status, body=body, after=after)
    return Permanent(message, status=status, body=body)


def retry_after(value: str, now: float) -> float | None:
    """Seconds to wait, from a number of seconds or a date (RFC 9110, 10.2.3); None for anything else.

    At most a day: a date with a wrong year must not stop a pipeline for good. `now`: seconds since the epoch.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    return min(max(0.0, seconds), _LONGEST_WAIT)
