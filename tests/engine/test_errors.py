from __future__ import annotations

import pytest

from engine.errors import DefinitionError, EventError, Permanent, Retryable, Unavailable, of_status, retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (100, Permanent),
        (301, Permanent),
        (400, Permanent),
        (401, Permanent),
        (404, Permanent),
        (408, Retryable),
        (409, Permanent),
        (413, Permanent),
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
def test_status_decides_the_kind_of_error(status: int, kind: type[EventError]) -> None:
    error = of_status(status, "app answered", body=b"why", after=3)
    assert type(error) is kind
    assert (str(error), error.status, error.body) == ("app answered", status, b"why")
    assert not isinstance(error, Retryable) or error.after == 3


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Tue, 14 Nov 2023 23:14:20 +0100", 60),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60),  # no zone is UTC, wherever the engine runs
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
        ("Tue, 14 Nov 2123 22:00:00 GMT", 86_400),
        ("99999999999999999999999", 86_400),
        ("9" * 400, 86_400),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(value: str, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    ["", "soon", "-5", "1.5", "²", "٣", "Tue, 14 Nov 99999999999999999999 22:00:00 GMT", "Tue, 99999999999 Nov 2023"],
)
def test_retry_after_that_is_neither_is_none(value: str) -> None:
    assert retry_after(value, NOW) is None


def test_body_is_cut() -> None:
    assert Permanent("no", body=b"x" * 10_000).body == b"x" * EventError.BODY_LIMIT
    assert Permanent("no", body=b"").body is None


def test_message_can_always_be_stored_and_printed() -> None:
    error = Permanent("the app said \ud800, and ü")
    assert str(error) == "the app said \\ud800, and ü"
    str(error).encode()


def test_definition_error_shows_its_hint() -> None:
    assert str(DefinitionError("there is no app 'shp'", hint="did you mean 'shop'?")) == (
        "there is no app 'shp' (did you mean 'shop'?)"
    )
    assert str(DefinitionError("there is no app 'shp'")) == "there is no app 'shp'"
