from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindings.cron.schedule import Schedule

BERLIN = "Europe/Berlin"
SCHEDULES = ["* * * * * *", "*/20 * * * *", "30 2 * * *", "0 0 * * sun", "0 0 L * *", "0 0 29 2 *", "@every 7s"]


def instant(text: str, timezone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp()


def following(schedule: Schedule, after: float, count: int) -> list[float]:
    instants = [schedule.next(after)]
    while len(instants) < count:
        instants.append(schedule.next(instants[-1]))
    return instants


def local(instants: list[float], timezone: str) -> list[str]:
    return [datetime.fromtimestamp(one, ZoneInfo(timezone)).isoformat() for one in instants]


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("* * * * *", "2023-11-14T22:13:20", "2023-11-14T22:14:00"),
        ("* * * * * *", "2023-11-14T22:13:20", "2023-11-14T22:13:21"),
        ("* * * * * *", "2023-11-14T22:13:20.75", "2023-11-14T22:13:21"),
        ("15 * * * * *", "2023-11-14T22:13:15", "2023-11-14T22:14:15"),
        ("0 30 * * * *", "2023-11-14T22:30:00", "2023-11-14T23:30:00"),
        ("30 8 * * mon-fri", "2023-11-17T08:30:00", "2023-11-20T08:30:00"),
        ("0 0 13 * fri", "2023-11-11T00:00:00", "2023-11-13T00:00:00"),  # a restricted day of both kinds: either
        ("0 0 29 2 *", "2023-01-01T00:00:00", "2024-02-29T00:00:00"),
        ("0 0 29 2 *", "2024-02-29T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 29 2 *", "2096-03-01T00:00:00", "2104-02-29T00:00:00"),  # 2100 is no leap year
        ("0 0 31 * *", "2024-01-31T00:00:00", "2024-03-31T00:00:00"),
        ("0 0 L * *", "2024-01-31T00:00:00", "2024-02-29T00:00:00"),
        ("0 0 L * *", "2023-02-01T00:00:00", "2023-02-28T00:00:00"),
        ("59 59 23 31 12 *", "2023-12-31T23:59:59", "2024-12-31T23:59:59"),
        ("@hourly", "2024-02-28T23:00:00", "2024-02-29T00:00:00"),
        ("@daily", "2024-02-28T12:00:00", "2024-02-29T00:00:00"),
        ("@midnight", "2024-02-28T12:00:00", "2024-02-29T00:00:00"),
        ("@weekly", "2024-02-28T12:00:00", "2024-03-03T00:00:00"),
        ("@monthly", "2024-02-28T12:00:00", "2024-03-01T00:00:00"),
        ("@yearly", "2024-02-28T12:00:00", "2025-01-01T00:00:00"),
        ("@annually", "2024-02-28T12:00:00", "2025-01-01T00:00:00"),
        ("@every 5s", "2023-11-14T22:13:22", "2023-11-14T22:13:25"),
        ("@every 5s", "2023-11-14T22:13:25", "2023-11-14T22:13:30"),
        ("@every 1m30s", "2023-11-14T22:13:20", "2023-11-14T22:13:30"),
        ("@every 100ms", "2023-11-14T22:13:20.1", "2023-11-14T22:13:20.2"),
        ("@every  24h ", "2023-11-14T22:13:20", "2023-11-15T00:00:00"),
        ("  0   9 * * *", "2023-11-14T22:13:20", "2023-11-15T09:00:00"),
        ("TZ=Asia/Tokyo 0 9 * * *", "2023-11-14T22:13:20", "2023-11-15T00:00:00"),
        ("CRON_TZ=Asia/Tokyo @daily", "2023-11-14T22:13:20", "2023-11-15T15:00:00"),
    ],
)
def test_next(text: str, after: str, expected: str) -> None:
    assert Schedule.parse(text).next(instant(after)) == instant(expected)


@pytest.mark.parametrize(
    ("text", "until", "expected"),
    [
        ("* * * * *", "2023-11-14T22:13:20", "2023-11-14T22:13:00"),
        ("* * * * *", "2023-11-14T22:13:00", "2023-11-14T22:13:00"),
        ("* * * * * *", "2023-11-14T22:13:20.75", "2023-11-14T22:13:20"),
        ("@yearly", "2023-11-14T22:13:20", "2023-01-01T00:00:00"),
        ("@every 5s", "2023-11-14T22:13:24.5", "2023-11-14T22:13:20"),
        ("@every 5s", "2023-11-14T22:13:25", "2023-11-14T22:13:25"),
    ],
)
def test_latest(text: str, until: str, expected: str) -> None:
    assert Schedule.parse(text).latest(instant(until)) == instant(expected)


def test_next_follows_the_wall_clock_of_its_zone() -> None:
    instants = following(Schedule.parse("30 8 * * *", BERLIN), instant("2024-03-29T12:00:00", BERLIN), 3)
    assert local(instants, BERLIN) == [
        "2024-03-30T08:30:00+01:00",
        "2024-03-31T08:30:00+02:00",
        "2024-04-01T08:30:00+02:00",
    ]


def test_next_in_an_hour_that_is_skipped_comes_after_the_gap() -> None:
    instants = following(Schedule.parse("30 2 * * *", BERLIN), instant("2024-03-30T12:00:00", BERLIN), 2)
    assert local(instants, BERLIN) == ["2024-03-31T03:00:00+02:00", "2024-04-01T02:30:00+02:00"]


def test_next_in_an_hour_that_is_repeated_comes_twice() -> None:
    instants = following(Schedule.parse("30 2 * * *", BERLIN), instant("2024-10-26T12:00:00", BERLIN), 3)
    assert local(instants, BERLIN) == [
        "2024-10-27T02:30:00+02:00",
        "2024-10-27T02:30:00+01:00",
        "2024-10-28T02:30:00+01:00",
    ]


@pytest.mark.parametrize("day", ["2024-03-30T20:00:00", "2024-10-26T20:00:00"])
def test_next_steps_evenly_through_a_change_of_the_clock(day: str) -> None:
    instants = following(Schedule.parse("*/20 * * * *", BERLIN), instant(day, BERLIN), 30)
    assert {later - earlier for earlier, later in pairwise(instants)} == {1200}


@given(
    st.sampled_from([Schedule.parse(text, zone) for text in SCHEDULES for zone in ("UTC", BERLIN)]),
    st.floats(min_value=0, max_value=4e9),
)
def test_next_and_latest_enclose_every_instant(schedule: Schedule, now: float) -> None:
    after = schedule.next(now)
    before = schedule.latest(now)
    assert round(before, 6) <= round(now, 6) < after
    assert schedule.next(before) == after
    assert schedule.latest(after) == after


@pytest.mark.parametrize("text", SCHEDULES)
def test_next_is_the_same_wherever_one_starts(text: str) -> None:
    schedule = Schedule.parse(text, BERLIN)
    now = 1_700_000_000.0
    due = schedule.next(now)
    assert {schedule.next(now + (due - now) * part) for part in (0.1, 0.5, 0.99)} == {due}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 25 * * *", "hour field: 25 is not in 0-23"),
        ("0 0 31 2 *", "'0 0 31 2 *' is never due: no such month has such a day"),
        ("@every", "'' is not a duration"),
        ("@every soon", "'soon' is not a duration"),
        ("@every 0s", "@every 0s: the shortest period is 1ms"),
        ("@fortnightly", "@fortnightly is none of @yearly, "),
        ("@daily 5", "@daily 5 is none of @yearly, "),
        ("TZ=Mars 0 9 * * *", "'Mars' is not a time zone; write it like UTC or Europe/Berlin"),
        ("TZ=UTC", "0 fields in ''"),
    ],
)
def test_wrong_schedule_is_explained(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        Schedule.parse(text)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("name", ["Mars", "", "Europe", "../../etc/passwd", "/etc/passwd", "\0"])
def test_wrong_time_zone_is_explained(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        Schedule.parse("@daily", name)
