from __future__ import annotations

from typing import Any

import pytest

from bindings.contract import Outcome
from engine.stages.filter import filter_stage
from tests.engine.stages.passages import error_of, passage, surroundings, verdict_of


async def test_event_goes_on_when_the_expression_is_true() -> None:
    stage = filter_stage("steps[0].filter", "data.width > 100", surroundings())
    wide = passage({"width": 101})
    assert await verdict_of(stage, wide) is wide.event
    assert await verdict_of(stage, passage({"width": 100})) is Outcome.FILTERED


@pytest.mark.parametrize(
    ("value", "shown"), [(5, "5"), ("yes", "'yes'"), (None, "None"), ([], "[]"), ({"a": 1}, "{'a': 1}")]
)
async def test_value_that_is_no_boolean_is_an_error_and_no_guess(value: Any, shown: str) -> None:
    error = await error_of(filter_stage("steps[0].filter", "data", surroundings()), passage(value))
    assert str(error) == f"expression 'data' must be true or false, and is {shown}"


@pytest.mark.parametrize("raw", [b'"' + b"x" * 10_000 + b'"', b"[" * 900 + b"]" * 900], ids=["long", "deep"])
async def test_value_in_the_message_is_short(raw: bytes) -> None:
    error = await error_of(filter_stage("steps[0].filter", "data", surroundings()), passage(raw=raw))
    assert len(str(error)) < 200


async def test_missing_name_is_an_error() -> None:
    error = await error_of(filter_stage("steps[0].filter", "data.size > 1", surroundings()), passage({"width": 1}))
    assert "there is no 'size'; there is: width" in str(error)
