from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindings.cron.schedule import Schedule

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
DAY = 86_400
CHANGES = ["2024-03-31", "2024-10-27", "2024-03-10", "2024-11-03", "2024-10-06", "2024-04-07", "2011-12-30"]
SCHEDULES = ["* * * * * *", "*/20 * * * *", "30 2 * * *", "0 0 * * sun", "0 0 L * *", "0 0 29 2 *", "@every 7s"]


def instant(text: str, timezone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp()


def iterate(step: Callable[[float], float], start: float) -> Iterator[float]:
    """What comes after `start`."""
    while True:
        start = step(start)
        yield start


def following(schedule: Schedule, after: float, count: int) -> list[float]:
    return list(islice(iterate(schedule.next, after), count))


def local(instants: list[float], timezone: str) -> list[str]:
    return [datetime.fromtimestamp(one, ZoneInfo(timezone)).isoformat() for one in instants]


def short(local: str) -> str:
    """`31T03:00+02` of `2024-03-31T03:00:00+02:00`."""
    return local[8:19].removesuffix(":00") + local[19:].removesuffix(":00")


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


FORWARD_BERLIN, BACK_BERLIN = "2024-03-31", "2024-10-27"  # 02:00 -> 03:00, 03:00 -> 02:00
FORWARD_NEW_YORK, BACK_NEW_YORK = "2024-03-10", "2024-11-03"  # 02:00 -> 03:00, 02:00 -> 01:00
FORWARD_LORD_HOWE, BACK_LORD_HOWE = "2024-10-06", "2024-04-07"  # 02:00 -> 02:30, 02:00 -> 01:30


@pytest.mark.parametrize(
    ("timezone", "day", "text", "after", "expected"),
    [
        # A fixed time that does not exist: once, right after the gap.
        (BERLIN, FORWARD_BERLIN, "30 2 * * *", "00:00", ["31T03:00+02", "01T02:30+02"]),
        (BERLIN, FORWARD_BERLIN, "0,30 2 * * *", "00:00", ["31T03:00+02", "01T02:00+02"]),
        (BERLIN, FORWARD_BERLIN, "0 2,3 * * *", "00:00", ["31T03:00+02", "01T02:00+02"]),
        (BERLIN, FORWARD_BERLIN, "30 1-3 * * *", "00:00", ["31T01:30+01", "31T03:00+02", "31T03:30+02"]),
        (BERLIN, FORWARD_BERLIN, "*/10 * 2 * * *", "00:00", ["31T03:00+02", "01T02:00+02"]),
        (NEW_YORK, FORWARD_NEW_YORK, "30 2 * * *", "00:00", ["10T03:00-04", "11T02:30-04"]),
        (NEW_YORK, FORWARD_NEW_YORK, "15 30 2 * * *", "00:00", ["10T03:00-04", "11T02:30:15-04"]),
        (LORD_HOWE, FORWARD_LORD_HOWE, "10 2 * * *", "00:00", ["06T02:30+11", "07T02:10+11"]),
        (LORD_HOWE, FORWARD_LORD_HOWE, "45 2 * * *", "00:00", ["06T02:45+11", "07T02:45+11"]),
        (LORD_HOWE, FORWARD_LORD_HOWE, "*/15 2 * * *", "00:00", ["06T02:30+11", "06T02:45+11", "07T02:00+11"]),
        # A fixed time that comes twice: the first time.
        (BERLIN, BACK_BERLIN, "30 2 * * *", "00:00", ["27T02:30+02", "28T02:30+01"]),
        (BERLIN, BACK_BERLIN, "0 3 * * *", "00:00", ["27T03:00+01", "28T03:00+01"]),
        (BERLIN, BACK_BERLIN, "20 2,3 * * *", "00:00", ["27T02:20+02", "27T03:20+01", "28T02:20+01"]),
        (BERLIN, BACK_BERLIN, "59 59 2 * * *", "00:00", ["27T02:59:59+02", "28T02:59:59+01"]),
        (NEW_YORK, BACK_NEW_YORK, "30 1 * * *", "00:00", ["03T01:30-04", "04T01:30-05"]),
        (NEW_YORK, BACK_NEW_YORK, "5 30 1 * * *", "00:00", ["03T01:30:05-04", "04T01:30:05-05"]),
        (LORD_HOWE, BACK_LORD_HOWE, "45 1 * * *", "00:00", ["07T01:45+11", "08T01:45+10:30"]),
        (LORD_HOWE, BACK_LORD_HOWE, "15 1 * * *", "00:00", ["07T01:15+11", "08T01:15+10:30"]),
        (LORD_HOWE, BACK_LORD_HOWE, "@daily", "00:00", ["08T00:00+10:30", "09T00:00+10:30"]),
        # A wildcard where the clock is set forward: as much later as if it were not.
        (BERLIN, FORWARD_BERLIN, "@hourly", "00:30", ["31T01:00+01", "31T03:00+02", "31T04:00+02"]),
        (BERLIN, FORWARD_BERLIN, "7 * * * *", "00:30", ["31T01:07+01", "31T03:07+02", "31T04:07+02"]),
        (BERLIN, FORWARD_BERLIN, "30 */2 * * *", "00:00", ["31T00:30+01", "31T03:30+02", "31T04:30+02"]),
        (BERLIN, FORWARD_BERLIN, "*/15 * * * *", "01:30", ["31T01:45+01", "31T03:00+02", "31T03:15+02"]),
        (BERLIN, FORWARD_BERLIN, "*/20 * * * * *", "01:59:30", ["31T01:59:40+01", "31T03:00+02", "31T03:00:20+02"]),
        (NEW_YORK, FORWARD_NEW_YORK, "@hourly", "00:30", ["10T01:00-05", "10T03:00-04", "10T04:00-04"]),
        (NEW_YORK, FORWARD_NEW_YORK, "*/15 * * * *", "01:30", ["10T01:45-05", "10T03:00-04", "10T03:15-04"]),
        (NEW_YORK, FORWARD_NEW_YORK, "* * * * * *", "01:59:58", ["10T01:59:59-05", "10T03:00-04", "10T03:00:01-04"]),
        (LORD_HOWE, FORWARD_LORD_HOWE, "@hourly", "00:30", ["06T01:00+10:30", "06T02:30+11", "06T03:00+11"]),
        (LORD_HOWE, FORWARD_LORD_HOWE, "*/15 * * * *", "01:30", ["06T01:45+10:30", "06T02:30+11", "06T02:45+11"]),
        (
            *(LORD_HOWE, FORWARD_LORD_HOWE, "10,35 * * * *", "01:00"),
            ["06T01:10+10:30", "06T01:35+10:30", "06T02:35+11", "06T02:40+11", "06T03:10+11"],
        ),
        # A wildcard where the clock is set back: both times.
        (BERLIN, BACK_BERLIN, "@hourly", "01:30", ["27T02:00+02", "27T02:00+01", "27T03:00+01"]),
        (BERLIN, BACK_BERLIN, "30 */2 * * *", "01:30", ["27T02:30+02", "27T02:30+01", "27T04:30+01"]),
        (BERLIN, BACK_BERLIN, "*/15 * * * *", "02:30", ["27T02:45+02", "27T02:00+01", "27T02:15+01"]),
        (BERLIN, BACK_BERLIN, "*/20 * * * * *", "02:59:30", ["27T02:59:40+02", "27T02:00+01", "27T02:00:20+01"]),
        (NEW_YORK, BACK_NEW_YORK, "@hourly", "00:30", ["03T01:00-04", "03T01:00-05", "03T02:00-05"]),
        (NEW_YORK, BACK_NEW_YORK, "*/15 * * * *", "01:30", ["03T01:45-04", "03T01:00-05", "03T01:15-05"]),
        (NEW_YORK, BACK_NEW_YORK, "* * * * * *", "01:59:58", ["03T01:59:59-04", "03T01:00-05", "03T01:00:01-05"]),
        (LORD_HOWE, BACK_LORD_HOWE, "@hourly", "00:30", ["07T01:00+11", "07T02:00+10:30", "07T03:00+10:30"]),
        (LORD_HOWE, BACK_LORD_HOWE, "*/15 * * * *", "01:30", ["07T01:45+11", "07T01:30+10:30", "07T01:45+10:30"]),
        (LORD_HOWE, BACK_LORD_HOWE, "0 40 * * * *", "01:30", ["07T01:40+11", "07T01:40+10:30", "07T02:40+10:30"]),
    ],
)
def test_next_where_the_clock_changes(timezone: str, day: str, text: str, after: str, expected: list[str]) -> None:
    instants = following(Schedule.parse(text, timezone), instant(f"{day}T{after}", timezone), len(expected))
    assert [short(one) for one in local(instants, timezone)] == expected


@pytest.mark.parametrize("text", ["*/20 * * * *", "7 * * * *"])
@pytest.mark.parametrize("day", [FORWARD_BERLIN, BACK_BERLIN])
def test_next_of_a_wildcard_steps_evenly_through_a_change_of_the_clock(text: str, day: str) -> None:
    instants = following(Schedule.parse(text, BERLIN), instant(day, BERLIN), 30)
    assert len({later - earlier for earlier, later in pairwise(instants)}) == 1


class Oracle:
    """The rules for clock changes, minute by minute."""

    def __init__(self, text: str, timezone: str, wildcard: bool) -> None:
        self.walls = Schedule.parse(text, "UTC")
        self.zone = ZoneInfo(timezone)
        self.wildcard = wildcard

    def instants(self, begin: float, end: float) -> list[float]:
        walls = takewhile(lambda wall: wall < end + DAY, iterate(self.walls.next, begin - DAY))
        return sorted({one for wall in walls for one in self.of(wall) if begin < one < end})

    def of(self, wall: float) -> list[float]:
        """What PEP 495 says of a time of the wall clock."""
        naive = datetime.fromtimestamp(wall, UTC).replace(tzinfo=None)
        first, second = (naive.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1))
        if first > second:  # it does not exist
            return [first if self.wildcard else self.end_of_gap(second, first)]
        return [first, second] if self.wildcard else [first]

    def end_of_gap(self, before: float, after: float) -> float:
        minutes = iterate(lambda one: one + 60, before - 60)
        offset = datetime.fromtimestamp(after, self.zone).utcoffset()
        return next(one for one in minutes if datetime.fromtimestamp(one, self.zone).utcoffset() == offset)


@pytest.mark.parametrize("timezone", [BERLIN, NEW_YORK, LORD_HOWE, "Pacific/Apia", "America/Havana", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("text", "wildcard"),
    [
        ("*/21 * * * *", True),
        ("7,22 */2 * * *", True),
        ("5 */1,3 * * sat", True),
        ("*/21 0-23 * * *", False),
        ("0,10,40 0,1,2,3,23 * * *", False),
        ("30 2 * 3,10 sun", False),
        ("50 23 30 * *", False),
    ],
)
def test_next_is_what_the_rules_say_minute_by_minute(text: str, wildcard: bool, timezone: str) -> None:
    schedule, oracle = Schedule.parse(text, timezone), Oracle(text, timezone, wildcard)
    for change in CHANGES:
        begin, end = instant(change) - 2 * DAY, instant(change) + 2 * DAY
        expected = oracle.instants(begin, end)
        assert list(takewhile(lambda one: one < end, iterate(schedule.next, begin))) == expected  # noqa: B023
        assert [schedule.latest(one + 0.5) for one in expected[::9]] == expected[::9]
        assert [schedule.next(one - 0.5) for one in expected] == expected


@settings(deadline=None, derandomize=True)
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
