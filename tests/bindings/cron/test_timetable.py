from __future__ import annotations

from itertools import takewhile

import pytest

from bindings.cron.schedule import Schedule
from bindings.cron.timetable import Timetable

START = 1_700_000_000.0  # 2023-11-14T22:13:20Z


def timetable(jitter: float, text: str = "@every 10s", name: str = "tick") -> Timetable:
    return Timetable(Schedule.parse(text), jitter, name)


def delays(table: Timetable) -> list[float]:
    return [table.due(instant) - instant for instant in (START + 10 * number for number in range(100))]


def test_without_jitter_an_instant_is_due_at_itself() -> None:
    table = timetable(0)
    assert set(delays(table)) == {0}
    assert table.next_due(START) == START + 10
    assert table.latest(START + 19) == START + 10
    assert list(table.passed(START, START + 30)) == [START + 10, START + 20, START + 30]


def test_jitter_is_spread_over_all_of_it() -> None:
    drawn = delays(timetable(60))
    assert 0 <= min(drawn) < 3
    assert 57 < max(drawn) < 60


def test_jitter_is_the_same_after_a_restart_and_another_for_another_name() -> None:
    assert delays(timetable(60)) == delays(timetable(60))
    assert delays(timetable(60)) != delays(timetable(60, name="tock"))


@pytest.mark.parametrize("jitter", [0.0, 3.0, 10.0, 45.0, 3600.0])
def test_passed_and_latest_agree_at_every_moment(jitter: float) -> None:
    table = timetable(jitter)
    for now in range(int(START), int(START) + 500, 7):
        passed = list(table.passed(START - 7200, now))
        assert table.latest(now) == passed[-1]
        assert table.next_due(passed[-1]) > now
        assert passed == [passed[0] + 10 * number for number in range(len(passed))]  # none is left out


def test_instant_is_not_due_before_an_earlier_one() -> None:
    table = timetable(45)
    instants = [START + 10 * number for number in range(100)]
    late = next(one for one in instants if table.due(one) > table.due(one + 10))
    before = list(takewhile(lambda one: one <= late + 10, table.passed(late - 10, table.due(late) - 0.001)))
    after = list(takewhile(lambda one: one <= late + 10, table.passed(late - 10, table.due(late))))
    assert (before, after) == ([], [late, late + 10])
