from __future__ import annotations

import pytest

from engine.definitions.conditions import Conditions
from engine.definitions.inference import Inference
from engine.definitions.parsed import Parsed, parsed
from engine.definitions.schema_types import type_of_schema
from engine.definitions.scope import known_names
from engine.grammar import name_offset

STATES = type_of_schema({"properties": {"state": {"enum": ["new", "paid"]}, "total": {"type": "number"}}})


def judged(text: str) -> tuple[bool, int] | None:
    """What is certain of a condition, and where the part begins that makes it so."""
    found = parsed(text, True)
    assert isinstance(found, Parsed)
    inference = Inference(found, {**known_names({}, None), "data": STATES})
    assert inference.complaints == []
    judgement = Conditions(inference).judge(found.tree)
    if judgement is None:
        return None
    parts = [judgement.part, *judgement.part.find_all(type(judgement.part).__mro__[-2])]
    return judgement.truth, min(name_offset(text, part) for part in parts if part.lineno is not None)


@pytest.mark.parametrize(
    "marked",
    [
        "›false",
        "not ›true",
        "›event.type == 5",
        "›5 == event.type",
        "data.x and ›event.type == none",
        "›data.state == 'payed'",
        "›data.state == 'payd' and data.x",
        "data.state != 'new' and ›data.state != 'paid'",
        "data.x == 1 and ›data.x == 2",
        "data.x == 1 and data.y and ›data.x != 1",
        "data.x == 1 and ›2 == data.x",
        "data.x in [1, 2] and ›data.x in [3]",
        "data.x in [1, 2] and data.x != 1 and ›data.x != 2",
        "data.x not in [1, 2] and ›data.x == 2",
        "data.x > 5 and ›data.x < 5",
        "data.x >= 5 and ›data.x < 5",
        "data.x > 'b' and ›data.x < 'a'",
        "data.x == 'a' and ›data.x > 5",
        "not data.x and ›data.x",
        "not data.x == 1 and ›data.x == 1",
        "data.x is none and ›data.x is not none",
        "data['x y'] == 1 and ›data['x y'] == 2",
        "data.x | length > 5 and ›data.x | length < 5",
        "›1 > 2",
        "›false or 1 > 2",
        "›data.total is string",
    ],
)
def test_condition_that_is_never_true(marked: str) -> None:
    assert judged(marked.replace("›", "")) == (False, marked.index("›"))


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "event.type != 5",
        "data.x != 1 or data.x != 2",
        "data.x == 1 or data.x != 1",
        "data.x > 5 or data.x <= 5",
        "data.state == 'new' or data.state == 'paid'",
        "data.x or not data.x",
        "data.x or 1 < 2",
        "not (data.x == 1 and data.x == 2)",
        "data.total is not string",
    ],
)
def test_condition_that_is_always_true(text: str) -> None:
    found = judged(text)

    assert found is not None
    assert found[0]


@pytest.mark.parametrize(
    "text",
    [
        "data.x",
        "data.x == 1",
        "data.x == 1 and data.y == 2",
        "data.x == 1 or data.x == 2",
        "data.x >= 5 and data.x <= 5",
        "data.x > 5 and data.x < 6",
        "data.x != 1 and data.x != 2",
        "data.x in [1, 2] and data.x != 1",
        "data.x == 1 and data.x == true",
        "data.x == 5 and data.x == 5.0",
        "data.state != 'new'",
        "data.state == 'new' or data.x",
        "data.x == data.y and data.x != data.z",
        "'a' in data.x and 'b' in data.x",
        "data.total is number",
        "data.x is defined and data.x == 1",
        "event.tenant == 5",
        "data.x < data.y < data.z",
    ],
)
def test_condition_that_depends_on_the_event(text: str) -> None:
    assert judged(text) is None
