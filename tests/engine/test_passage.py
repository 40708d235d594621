from __future__ import annotations

import itertools

import pytest

from bindings.contract import Outcome, Received, Settled
from engine.errors import Permanent
from engine.event import Event
from engine.passage import Arrival, Passage


class Settlements(list[Settled]):
    def add(self, settled: Settled) -> None:
        self.append(settled)


def event(id: str = "a") -> Event:
    return Event({"specversion": "1.0", "id": id, "source": "/orders", "type": "order"}, b"{}")


def passage(settlements: Settlements) -> Passage:
    return Passage(Arrival(Received("a", b"{}", {}, {"key": "k"}), event(), settlements), event())


def test_message_of_one_event_is_settled_with_it() -> None:
    settlements = Settlements()
    one = passage(settlements)
    one.arrival.ended(Outcome.DONE, one.event, None)
    [settled] = settlements
    assert (settled.received, settled.outcome, settled.results) == (one.arrival.received, Outcome.DONE, [one.event])


def test_message_of_many_events_is_settled_with_the_last() -> None:
    settlements = Settlements()
    children = passage(settlements).fork([event("a/0"), event("a/1"), event("a/2")])
    for child in children:
        assert settlements == []
        child.arrival.ended(Outcome.DONE, child.event, None)
    assert [result.id for result in settlements[0].results] == ["a/0", "a/1", "a/2"]


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        ([Outcome.FILTERED, Outcome.FILTERED], Outcome.FILTERED),
        ([Outcome.FILTERED, Outcome.DONE], Outcome.DONE),
        ([Outcome.DONE, Outcome.DEAD_LETTERED], Outcome.DEAD_LETTERED),
        ([Outcome.DEAD_LETTERED, Outcome.RELEASED], Outcome.RELEASED),
        ([Outcome.FILTERED, Outcome.DONE, Outcome.DEAD_LETTERED, Outcome.RELEASED], Outcome.RELEASED),
    ],
)
def test_heaviest_outcome_counts_in_whatever_order_they_come(outcomes: list[Outcome], whole: Outcome) -> None:
    for order in itertools.permutations(outcomes):
        settlements = Settlements()
        children = passage(settlements).fork([event(f"a/{index}") for index in range(len(order))])
        for child, outcome in zip(children, order, strict=True):
            child.arrival.ended(outcome, child.event, None)
        assert [settled.outcome for settled in settlements] == [whole]


def test_error_of_one_event_stays_with_the_settlement() -> None:
    settlements = Settlements()
    first, second = passage(settlements).fork([event("a/0"), event("a/1")])
    error = Permanent("no")
    first.arrival.ended(Outcome.DEAD_LETTERED, first.event, error)
    second.arrival.ended(Outcome.DONE, second.event, None)
    assert settlements[0].error is error


def test_next_stage_begins_with_fresh_counts() -> None:
    one = passage(Settlements())
    one.attempts, one.tries = 3, 7
    one.move_on(event("b"))
    assert (one.event.id, one.stage, one.attempts, one.tries) == ("b", 1, 0, 0)


def test_fork_goes_on_at_the_next_stage_with_notes_of_its_own() -> None:
    one = passage(Settlements())
    one.stage, one.attempts = 2, 3
    one.notes.append("before")
    first, second = one.fork([event("a/0"), event("a/1")])
    first.notes.append("after")
    assert [(child.stage, child.attempts, child.metadata) for child in (first, second)] == [(3, 0, {"key": "k"})] * 2
    assert second.notes == ["before"]
