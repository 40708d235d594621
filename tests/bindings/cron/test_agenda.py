from __future__ import annotations

import logging
from collections.abc import Iterable

import pytest

from bindings.cron.agenda import Agenda
from bindings.cron.firing import Firing
from bindings.cron.metadata import CronMetadata
from bindings.cron.schedule import Schedule
from bindings.cron.timetable import Timetable

SECONDS = "UTC @every 10s"


class Life:
    """An agenda every ten seconds, whose times are seconds since it first was started."""

    def __init__(self, last: float = 0, now: float = 0, pending: Iterable[float] = (), **rules: str) -> None:
        metadata = CronMetadata.model_validate({"schedule": "@every 10s", **rules})
        timetable = Timetable(Schedule.parse(metadata.schedule), metadata.jitter, "tick")
        self.agenda = Agenda("tick", SECONDS, timetable, metadata)
        self.agenda.start(now, last, [Firing(one, SECONDS, 1) for one in pending])

    def give(self, now: float, limit: int = 100) -> list[float]:
        self.agenda.advance(now, limit)
        batch = self.agenda.batch(limit)
        self.agenda.given(batch)
        return [firing.instant for firing in batch]

    def finish(self, now: float, *instants: float) -> None:
        self.agenda.finished(instants, now)


# What was missed while the engine was down


@pytest.mark.parametrize(("missed", "given"), [("skip", []), ("last", [30]), ("all", [10, 20, 30])])
@pytest.mark.parametrize("overlap", ["allow", "skip", "queue"])
def test_missed_decides_what_comes_of_the_time_when_the_engine_was_down(
    missed: str, given: list[float], overlap: str
) -> None:
    life = Life(last=0, now=35, missed=missed, overlap=overlap)
    one_by_one = given if overlap == "allow" else given[:1]
    assert life.give(35) == one_by_one
    life.finish(36, *one_by_one)
    rest = given[1:2] if overlap == "queue" else []
    assert life.give(36) == rest
    life.finish(36, *rest)


@pytest.mark.parametrize("missed", ["skip", "last", "all"])
def test_instant_at_which_it_starts_again_was_dealt_with(missed: str) -> None:
    life = Life(last=30, now=35, missed=missed)
    assert life.give(35) == []
    assert life.give(40) == [40]


def test_instant_of_a_moment_before_the_start_is_missed() -> None:
    assert Life(last=0, now=10.5, missed="skip").give(10.5) == []


def test_missed_is_logged_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Life(last=30, now=35)
    assert caplog.messages == []
    Life(last=30, now=40, missed="skip")
    assert caplog.messages == ["tick: was due while it did not run; missed: skip"]


@pytest.mark.parametrize(("missed", "given"), [("last", [3600]), ("all", [3570, 3580, 3590, 3600])])
def test_missed_within_is_the_age_of_the_oldest(missed: str, given: list[float]) -> None:
    assert Life(last=0, now=3600, missed=missed, missedWithin="30s").give(3600) == given


@pytest.mark.parametrize("missed", ["last", "all"])
def test_nothing_that_is_older_than_missed_within_is_given(missed: str) -> None:
    life = Life(last=0, now=3605, missed=missed, missedWithin="4s")
    assert life.give(3605) == []
    assert life.agenda.pause(3605) == 5
    assert life.give(3610) == [3610]


def test_all_gives_no_more_than_there_is_room_for_and_goes_on_from_there() -> None:
    year = 365 * 86_400
    life = Life(last=0, now=year, missed="all", missedWithin="365d")
    assert life.give(year, 3) == [10, 20, 30]
    assert life.agenda.last == 30
    assert life.give(year, 2) == [40, 50]


def test_all_leaves_in_the_schedule_what_there_is_no_room_for_beside_a_former_life() -> None:
    life = Life(last=50, now=100, pending=[10, 20, 30, 40], missed="all")
    assert life.give(100, 5) == [10, 20, 30, 40, 60]
    assert life.agenda.waiting == {}
    life.agenda.released([10, 20, 30, 40])
    assert life.give(100, 3) == [10, 20, 30]
    assert life.agenda.last == 60


# What is missed while the engine runs


@pytest.mark.parametrize(("missed", "given"), [("skip", []), ("last", [30]), ("all", [10, 20, 30])])
def test_missed_decides_what_comes_of_the_time_when_nobody_read(missed: str, given: list[float]) -> None:
    life = Life(missed=missed)
    assert life.give(35) == given
    assert life.give(40) == [40]


@pytest.mark.parametrize(("late", "given"), [(0.0, [10]), (0.9, [10]), (1.1, [])])
def test_skip_takes_less_than_a_second_for_on_time(late: float, given: list[float]) -> None:
    assert Life(missed="skip").give(10 + late) == given


@pytest.mark.parametrize("missed", ["skip", "last"])
def test_of_several_the_newest_is_on_time(missed: str) -> None:
    assert Life(missed=missed).give(30.5) == [30]


def test_jitter_is_no_delay_that_makes_an_instant_missed() -> None:
    life = Life(missed="skip", missedWithin="1s", jitter="9s")
    pause = life.agenda.pause(0)
    assert 10 < pause < 19
    assert life.give(pause - 0.001) == []
    assert life.give(pause) == [10]


# Overlaps


def test_allow_gives_out_side_by_side() -> None:
    life = Life()
    assert [life.give(10), life.give(20)] == [[10], [20]]


def test_skip_leaves_out_what_is_due_while_an_earlier_one_is_not_finished(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    life = Life(overlap="skip")
    assert life.give(10) == [10]
    assert [life.give(20), life.give(30)] == [[], []]
    assert life.agenda.last == 30
    life.finish(35, 10)
    assert life.give(35) == []
    assert life.give(40) == [40]
    reason = "an earlier one is not finished"
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", f"tick: skipped what was due up to 1970-01-01T00:00:{second}Z: {reason}") for second in (20, 30)
    ]


def test_skip_knows_what_was_due_before_the_earlier_one_was_finished_when_it_is_read_after() -> None:
    life = Life(overlap="skip")
    assert life.give(10) == [10]
    life.finish(25, 10)
    assert life.give(26) == []
    assert life.agenda.last == 20


def test_firing_that_is_finished_again_is_in_the_way_of_nothing() -> None:
    life = Life(overlap="skip")
    assert life.give(10) == [10]
    life.finish(15, 10)
    life.finish(20, 10)
    assert life.give(20) == [20]


def test_released_firing_is_given_again_and_still_in_the_way() -> None:
    life = Life(overlap="skip")
    assert life.give(10) == [10]
    life.agenda.released([10])
    assert life.give(20) == [10]
    assert life.agenda.last == 20


def test_skip_counts_what_a_former_life_did_not_finish() -> None:
    life = Life(last=10, now=25, pending=[10], overlap="skip")
    assert life.give(25) == [10]
    assert life.agenda.last == 20


def test_queue_gives_out_in_order_when_the_earlier_one_is_finished() -> None:
    life = Life(overlap="queue")
    assert life.give(10) == [10]
    assert [life.give(20), life.give(30)] == [[], []]
    assert list(life.agenda.waiting) == [20, 30]
    life.finish(35, 10)
    assert [life.give(35), life.give(35)] == [[20], []]
    life.finish(36, 20)
    assert life.give(36) == [30]


@pytest.mark.parametrize("missed", ["skip", "last", "all"])
def test_queue_holds_what_was_due_while_nobody_read_and_an_earlier_one_was_not_finished(missed: str) -> None:
    life = Life(overlap="queue", missed=missed)
    assert life.give(10) == [10]
    life.finish(35, 10)
    assert life.give(35.5) == [20]
    assert list(life.agenda.waiting) == [30]


@pytest.mark.parametrize(("missed", "waiting"), [("skip", []), ("last", [40]), ("all", [20, 30, 40])])
def test_queue_of_a_former_life_goes_on_and_what_was_missed_follows_its_rule(missed: str, waiting: list[float]) -> None:
    life = Life(last=10, now=45, pending=[0, 10], overlap="queue", missed=missed)
    assert life.give(45) == [0]
    assert list(life.agenda.waiting) == [10, *waiting]
    assert life.agenda.last == 40


def test_queue_that_is_full_leaves_out_what_comes_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    life = Life(overlap="queue")
    assert life.give(10) == [10]
    assert life.give(20_000) == []
    assert list(life.agenda.waiting) == [20 + 10 * number for number in range(1000)]
    assert life.agenda.last == 20_000
    assert life.give(20_010) == []
    life.finish(20_015, 10)
    assert life.give(20_015) == [20]
    assert life.give(20_020) == []
    assert list(life.agenda.waiting)[-1] == 20_020
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", f"tick: skipped what was due up to 1970-01-01T05:33:{second}Z: 1000 wait already")
        for second in (20, 30)
    ]


def test_queue_that_is_full_leaves_out_nothing_with_all(caplog: pytest.LogCaptureFixture) -> None:
    life = Life(overlap="queue", missed="all")
    assert life.give(10) == [10]
    given = []
    for number in range(1999):
        assert life.give(20_000) == []
        assert len(life.agenda.waiting) <= 1000
        life.finish(20_000, 10 + 10 * number)
        given += life.give(20_000)
    assert given == [20 + 10 * number for number in range(1999)]
    assert caplog.messages == []


def test_full_queue_is_waited_for_and_not_run_against() -> None:
    life = Life(overlap="queue", missed="all")
    life.give(10)
    life.give(20_000)
    assert life.agenda.pause(20_000) == 60


# The clock


def test_pause_ends_when_the_next_instant_is_due_and_after_a_minute() -> None:
    assert Life().agenda.pause(3) == 7
    assert Life(last=0, schedule="@daily").agenda.pause(10) == 60


def test_clock_that_goes_back_a_little_repeats_nothing() -> None:
    life = Life()
    assert life.give(100) == [100]
    assert life.give(75) == []
    assert life.give(110) == [110]


def test_clock_that_was_far_ahead_does_not_silence_the_schedule() -> None:
    life = Life()
    assert life.give(86_400) == [86_400]
    assert life.give(5) == []
    assert life.give(10) == [10]


def test_clock_that_was_far_ahead_at_the_start_makes_no_instant_a_missed_one() -> None:
    life = Life(last=3600, now=3600, missed="skip")
    assert life.give(5) == []
    assert life.give(10) == [10]


def test_clock_that_was_ahead_when_a_firing_was_finished_is_not_in_the_way_of_the_next() -> None:
    life = Life(overlap="skip")
    assert life.give(10) == [10]
    life.finish(25, 10)
    assert life.give(15) == []
    assert life.give(20) == [20]
