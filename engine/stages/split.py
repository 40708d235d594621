"""`split`: one event becomes one for each item of a list."""

from __future__ import annotations

from engine.errors import Permanent
from engine.expressions import compile_expression
from engine.passage import Passage
from engine.stages.stage import EachEvent, Surroundings, Verdict

MOST_ITEMS = 10_000  # of one event; all of them are in memory until the last is settled


def split_stage(name: str, source: str, surroundings: Surroundings) -> EachEvent:
    """The events get the id of the one they come from, a slash, and their index: the same again after a crash."""
    expression = compile_expression(source)

    def judge(passage: Passage) -> Verdict:
        items = expression.evaluate(surroundings.scope(passage))
        if not isinstance(items, list | tuple):
            raise Permanent(f"expression {source!r} must give a list to split, and gives {type(items).__name__}")
        if len(items) > MOST_ITEMS:
            raise Permanent(f"a list of {len(items):,} items is too long to split; the most is {MOST_ITEMS:,}")
        event = passage.event
        return [event.with_value(item).replace(id=f"{event.id}/{index}") for index, item in enumerate(items)]

    return EachEvent(name, judge)
