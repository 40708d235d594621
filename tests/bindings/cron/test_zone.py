from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bindings.cron.zone import next_change, offset, time_zone

YEAR = 365 * 86_400


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize("name", ["Mars", "", "Europe", "../../etc/passwd", "/etc/passwd", "\0"])
def test_wrong_time_zone_is_explained(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        time_zone(name)


@pytest.mark.parametrize(
    ("name", "after", "change", "offsets"),
    [
        ("Europe/Berlin", "2024-01-01T00:00Z", "2024-03-31T01:00Z", (3600, 7200)),
        ("Europe/Berlin", "2024-03-31T00:59:59Z", "2024-03-31T01:00Z", (3600, 7200)),
        ("Europe/Berlin", "2024-03-31T01:00Z", "2024-10-27T01:00Z", (7200, 3600)),
        ("America/New_York", "2024-06-01T00:00Z", "2024-11-03T06:00Z", (-14400, -18000)),
        ("Australia/Lord_Howe", "2024-06-01T00:00Z", "2024-10-05T15:30Z", (37800, 39600)),
        ("Pacific/Apia", "2011-12-01T00:00Z", "2011-12-30T10:00Z", (-36000, 50400)),  # a day that was left out
    ],
)
def test_next_change(name: str, after: str, change: str, offsets: tuple[int, int]) -> None:
    zone, expected = ZoneInfo(name), seconds(change)
    assert next_change(zone, seconds(after), seconds(after) + YEAR) == expected
    assert (offset(zone, expected - 1), offset(zone, expected)) == offsets


def test_next_change_looks_no_further_than_it_is_asked_to() -> None:
    zone, change = ZoneInfo("Europe/Berlin"), seconds("2024-03-31T01:00Z")
    assert next_change(zone, change - 10, change) == change
    assert next_change(zone, change - 10, change - 1) is None
    assert next_change(zone, change, change) is None
    assert next_change(ZoneInfo("Asia/Tokyo"), change, change + 10 * YEAR) is None
