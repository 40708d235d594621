"""`filter`: an event goes on when an expression is true."""

from __future__ import annotations

import reprlib

from bindings.contract import Outcome
from engine.errors import Permanent
from engine.expressions import Expression, compile_expression
from engine.passage import Passage
from engine.stages.stage import EachEvent, Surroundings, Verdict


def holds(expression: Expression, passage: Passage, surroundings: Surroundings) -> bool:
    """The truth of an expression; one that is no boolean is a mistake that must show, not a guess."""
    value = expression.evaluate(surroundings.scope(passage))
    if not isinstance(value, bool):
        raise Permanent(f"expression {expression.source!r} must be true or false, and is {reprlib.repr(value)}")
    return value


def filter_stage(name: str, source: str, surroundings: Surroundings) -> EachEvent:
    expression = compile_expression(source)

    def judge(passage: Passage) -> Verdict:
        return passage.event if holds(expression, passage, surroundings) else Outcome.FILTERED

    return EachEvent(name, judge)
