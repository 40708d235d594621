from __future__ import annotations

import pytest

from engine.errors import DefinitionError
from engine.trip import Tally, after_failures, compile_trip


def tally(answers: str) -> Tally:
    """`+` is a success, `-` a failure."""
    tally = Tally()
    for answer in answers:
        tally.success() if answer == "+" else tally.failure()
    return tally


@pytest.mark.parametrize(
    ("answers", "trips"), [("----", False), ("-----", True), ("----+----", False), ("+-----", True)]
)
def test_trip_after_failures_counts_those_in_a_row(answers: str, trips: bool) -> None:
    assert after_failures(5)(tally(answers)) is trips


@pytest.mark.parametrize(
    ("expression", "answers", "trips"),
    [
        ("consecutiveFailures >= 3", "+---", True),
        ("consecutiveFailures > 3", "+---", False),
        ("requests >= 4 && totalFailures * 2 >= requests", "-+-+", True),
        ("requests >= 4 && totalFailures * 2 >= requests", "-+++", False),
        ("totalSuccesses == 0 && totalFailures > 1", "--", True),
        ("consecutiveSuccesses == 0", "+-", True),
    ],
)
def test_trip_of_an_expression(expression: str, answers: str, trips: bool) -> None:
    assert compile_trip(expression)(tally(answers)) is trips


@pytest.mark.parametrize("expression", ["consecutiveFailures >=", "failures > 5", "", "requests + 'a' > 1"])
def test_trip_that_cannot_be_evaluated_is_refused(expression: str) -> None:
    with pytest.raises(DefinitionError, match="no CEL expression") as caught:
        compile_trip(expression)
    assert "consecutiveFailures" in caught.value.hint
