from __future__ import annotations

import pytest

from engine.errors import EventError, Permanent, Retryable, Unavailable, of_status, retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Permanent),
        (400, Permanent),
        (404, Permanent),
        (408, Retryable),
        (422, Permanent),
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
def test_of_status(status: int, kind: type[EventError]) -> None:
    error = of_status(status, "no", body=b"x" * 10_000, after=7.0)
    assert type(error) is kind
    assert (error.status, str(error)) == (status, "no")
    assert error.body == b"x" * EventError.BODY_LIMIT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Tue, 32 Nov 2023 22:13:00 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds
