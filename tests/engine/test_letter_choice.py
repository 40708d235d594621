from __future__ import annotations

import pytest

from engine.letter_choice import instant


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2h", 1_700_000_000.0 - 7200),
        ("1d12h", 1_700_000_000.0 - 36 * 3600),
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000.5),
    ],
)
def test_instant_is_a_time_or_a_duration_ago(text: str, time: float) -> None:
    assert instant(text, now=1_700_000_000.0) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2023-11-14T22:13:20", "2023-11-14", "2h ago"])
def test_instant_without_a_zone_or_a_meaning_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write it like 2h"):
        instant(text, now=0.0)
