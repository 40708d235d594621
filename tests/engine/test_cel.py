from __future__ import annotations

import pytest

from engine.cel import compile_cel
from engine.errors import DefinitionError, Permanent


def test_expression_is_evaluated_on_json() -> None:
    program = compile_cel("event.n > 3 && event.tags[0] == 'a'", "the rule", "hint")
    assert program({"event": {"n": 4, "tags": ["a"]}}) is True
    assert program({"event": {"n": 3, "tags": ["a"]}}) is False


@pytest.mark.parametrize("expression", ["event.n >", "", "a b"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(DefinitionError, match="is no CEL expression") as caught:
        compile_cel(expression, "the rule", "write it otherwise")
    assert caught.value.hint == "write it otherwise"


@pytest.mark.parametrize("expression", ["event.m > 3", "event.n > 'a'", "other"])
def test_what_cannot_be_evaluated_is_permanent(expression: str) -> None:
    with pytest.raises(Permanent, match="cannot be evaluated"):
        compile_cel(expression, "the rule", "hint")({"event": {"n": 4}})
