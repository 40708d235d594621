"""Time zones: how far their wall clock is from UTC, and when that changes. Instants are in seconds since the epoch."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# No zone changes its clock twice in a week, so that a change is seen by looking at its two ends.
_WEEK = 7 * 86_400


def time_zone(name: str) -> ZoneInfo:
    """Raises `ValueError` when the IANA database has no zone of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; leaves the folder of the database; is a folder
        raise ValueError(f"{name!r} is not a time zone; write it like UTC or Europe/Berlin") from None


def offset(zone: ZoneInfo, instant: int) -> int:
    """The seconds by which the wall clock is ahead of UTC."""
    return (datetime.fromtimestamp(instant, zone).utcoffset() or timedelta()) // timedelta(seconds=1)


def next_change(zone: ZoneInfo, after: int, until: int) -> int | None:
    """The first instant later than `after`, and not later than `until`, at which the clock is set."""
    before = offset(zone, after)
    while after < until:
        end = min(after + _WEEK, until)
        if offset(zone, end) != before:
            seconds = range(after + 1, end)
            return after + 1 + bisect_left(seconds, True, key=lambda instant: offset(zone, instant) != before)
        after = end
    return None
