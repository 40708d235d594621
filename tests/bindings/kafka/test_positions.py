from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bindings.kafka.positions import Positions


class PositionsMachine(RuleBasedStateMachine):
    """Against the definition itself: all offsets that were given, and all that are settled."""

    def __init__(self) -> None:
        super().__init__()
        self.start = 7
        self.positions = Positions(self.start)
        self.given: list[int] = []
        self.settled: set[int] = set()

    @rule(gap=st.integers(0, 3))
    def give(self, gap: int) -> None:
        offset = (self.given[-1] + 1 if self.given else self.start) + gap
        self.positions.give(offset)
        self.given.append(offset)

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(self.given) if self.given else st.integers(0, 20))
        self.positions.settle(offset)
        self.settled |= {offset} & set(self.given)

    @invariant()
    def position_is_the_lowest_that_is_not_settled(self) -> None:
        open_ones = [offset for offset in self.given if offset not in self.settled]
        end = self.given[-1] + 1 if self.given else self.start
        assert self.positions.position == min(open_ones, default=end)
        assert self.positions.is_busy == bool(open_ones)
        assert all(self.positions.is_open(offset) == (offset not in self.settled) for offset in self.given)


TestPositions = PositionsMachine.TestCase
TestPositions.settings = settings(max_examples=40, stateful_step_count=30, deadline=None, derandomize=True)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.permutations(range(20)))
def test_position_never_falls_and_never_passes_what_is_open(order: list[int]) -> None:
    positions = Positions(0)
    for offset in range(20):
        positions.give(offset)
    before = 0
    for count, offset in enumerate(order, 1):
        positions.settle(offset)
        assert before <= positions.position <= min(order[count:], default=20)
        before = positions.position
    assert before == 20


def test_offset_that_was_passed_is_refused() -> None:
    positions = Positions(5)
    with pytest.raises(ValueError, match="offset 4 comes after 4"):
        positions.give(4)
