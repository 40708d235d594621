from __future__ import annotations

import pytest

from engine.expressions import Scope, compile_expression
from engine.plan.unanswered import NeedsAnswer, Unanswered

EVENT = Unanswered({"specversion": "1.0", "id": "a", "source": "/s", "type": "t", "datacontenttype": "text/plain"})


def value_of(expression: str) -> object:
    return compile_expression(expression).evaluate(Scope(EVENT, {"key": "k"}, {}, 0.0))


def test_what_needs_no_answer_is_known() -> None:
    assert value_of("event.id ~ metadata.key") == "ak"
    assert EVENT.replace(id="b").id == "b"
    assert EVENT.with_value({"n": 1}).value == {"n": 1}


@pytest.mark.parametrize("expression", ["data.n", "event.datacontenttype", "data | default(1)"])
def test_what_depends_on_the_answer_says_so(expression: str) -> None:
    with pytest.raises(NeedsAnswer):
        value_of(expression)


def test_it_is_equal_to_nothing_else() -> None:
    assert EVENT.replace(id="a") != EVENT
    with pytest.raises(NeedsAnswer):
        _ = EVENT.replace(id="b").data
