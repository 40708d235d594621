"""`transform`: new data made from the event."""

from __future__ import annotations

from typing import Any

from engine.event import Event
from engine.expressions import compile_tree
from engine.passage import Passage
from engine.stages.stage import EachEvent, Surroundings


def transform_stage(name: str, tree: Any, surroundings: Surroundings) -> EachEvent:
    template = compile_tree(tree)

    def judge(passage: Passage) -> Event:
        return passage.event.with_value(template.evaluate(surroundings.scope(passage)))

    return EachEvent(name, judge)
