from __future__ import annotations

from engine.due import Due


def test_what_was_never_put_off_is_due() -> None:
    assert Due().left(1000.0) <= 0


def test_longest_wait_counts() -> None:
    due = Due()
    due.put_off(1000.0, 60.0)
    due.put_off(1001.0, 5.0)
    assert due.left(1010.0) == 50.0
    assert due.left(1060.0) == 0.0


def test_clock_that_is_set_back_does_not_put_it_off_by_more_than_was_asked_for() -> None:
    due = Due()
    due.put_off(1000.0, 60.0)
    due.put_off(1070.0, 5.0)
    due.put_off(100.0, 3.0)
    assert due.left(100.0) == 5.0
    assert due.left(105.0) == 0.0
