from __future__ import annotations

from random import Random
from typing import Any

import pytest

from engine.definitions.conditions import Conditions
from engine.definitions.inference import Inference
from engine.definitions.parsed import Parsed, parsed
from engine.definitions.schema_types import type_of_schema
from engine.definitions.scope import known_names
from engine.definitions.value_type import UNKNOWN, ValueType, of_value
from engine.errors import Permanent
from engine.event import Event
from engine.expressions import Scope, compile_expression

SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "f": {"type": "number"},
        "s": {"type": "string"},
        "b": {"type": "boolean"},
        "l": {"type": "array", "items": {"type": "string"}},
        "m": {"type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": False},
        "z": {"type": ["null", "string"]},
        "e": {"enum": ["new", "paid", 5]},
        "any": {},
    },
    "additionalProperties": False,
}


def inferred(text: str, data: ValueType = UNKNOWN) -> Inference:
    found = parsed(text, True)
    assert isinstance(found, Parsed)
    return Inference(found, {**known_names({}, None), "data": data})


def tree_of(text: str) -> Any:
    found = parsed(text, True)
    assert isinstance(found, Parsed)
    return found.tree


def type_of(text: str) -> str:
    inference = inferred(text, type_of_schema(SCHEMA))
    assert inference.complaints == []
    kinds = inference.type_of(tree_of(text))
    return str(kinds) if kinds.is_known else "unknown"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", "a whole number"),
        ("5 / 2", "a fraction"),
        ("data.n + 5", "a number"),  # JSON Schema's integer may be 5.0
        ("5 // 2 * 3", "a whole number"),
        ("data.any + 5", "unknown"),
        ("data.n > 5", "a boolean"),
        ("data.s ~ 5", "a text"),
        ("data.s * 2", "unknown"),
        ("data.z", "a text or nothing"),
        ("data.e", "a number or a text"),
        ("data.l[0]", "a text"),
        ("data.l | first", "a text"),
        ("data.l | sort", "a list"),
        ("data.l | map('upper')", "a list"),
        ("data.s.split(',')", "a list"),
        ("data.s[1:]", "a text"),
        ("data.any | default(5)", "unknown"),
        ("data.z | default(5)", "a text, a whole number or nothing"),
        ("data.s if data.b else 5", "a text or a whole number"),
        ("data.b and data.s", "a boolean or a text"),
        ("data.any | int", "a whole number"),
        ("data.any | int(none)", "unknown"),
        ("{'a': data.s}.a", "a text"),
        ("[1, 'a'][0]", "a text or a whole number"),
        ("now", "a time"),
        ("now.isoformat()", "a text"),
        ("(now - now).total_seconds()", "unknown"),
        ("data.s.upper", "a method"),
        ("event.id", "a text"),
        ("event.get('x')", "unknown"),
        ("metadata.x", "unknown"),
        ("not data.any", "a boolean"),
        ("-data.n", "a number"),
    ],
)
def test_type_is_what_is_certain(text: str, expected: str) -> None:
    assert type_of(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "data.missing | default(5)",
        "data.missing is defined and data.missing > 5",
        "'missing' in data and data.missing",
        "data.get('missing')",
        "data.any.anything.at.count()['x'] > 5",
        "event.tenant == 'a' or event.sourceid == 'b'",
        "data.z > 'a' or data.z is none",
        "data.e == 5 or data.e == 'new'",
        "data.b == 1",
        "data.l == [] or data.m == {}",
        "'a' in data.l and 'x' in data.m",
        "data.s % 5 == 'a' or data.s * 2 == 'aa'",
        "now - now > now - now",
    ],
)
def test_what_may_be_right_is_right(text: str) -> None:
    inference = inferred(text, type_of_schema(SCHEMA))

    assert inference.complaints == []
    assert Conditions(inference).judge(tree_of(text)) is None


def test_nothing_that_is_said_of_an_expression_is_wrong() -> None:
    """Random expressions, evaluated on random data that match the schema: what was foreseen is what happens."""
    random = Random(7)
    data_type = type_of_schema(SCHEMA)
    foreseen = 0
    for _ in range(1500):
        text = expression(random, 3)
        inference = inferred(text, data_type)
        tree = tree_of(text)
        judgement = Conditions(inference).judge(tree)
        may_skip = any(word in text.split() for word in ("and", "or", "if", "in", "%"))  # or never looks at one side
        foreseen += bool(inference.complaints) or judgement is not None
        compiled = compile_expression(text)
        for _ in range(8):
            data = data_of(random)
            try:
                value = compiled.evaluate(scope_of(data))
            except Permanent:
                continue
            if inference.complaints:
                assert may_skip, (text, data, value, inference.complaints)
                continue
            assert inference.type_of(tree).can_be(of_value(value).kinds), (text, data, value)
            if judgement is not None and isinstance(value, bool):
                assert value == judgement.truth, (text, data, judgement)
    assert foreseen > 300


def scope_of(data: Any) -> Scope:
    event = Event({"specversion": "1.0", "id": "a", "source": "/a", "type": "t"}).with_value(data)
    return Scope(event, {}, {}, 1_700_000_000.0)


def expression(random: Random, depth: int) -> str:
    if depth == 0 or random.random() < 0.2:
        fields = ("n", "f", "s", "b", "l", "m", "z", "e", "any", "m.x", "l[0]", "x")
        constants = ("5", "0", "1.5", "'new'", "'a'", "true", "none", "[]", "['a', 5]", "event.id", "event.type")
        return random.choice((f"data.{random.choice(fields)}", random.choice(constants)))
    one, other = expression(random, depth - 1), expression(random, depth - 1)
    forms = (
        *(f"({one} {sign} {other})" for sign in ("+", "-", "*", "/", "//", "%", "~")),
        *(f"({one} {sign} {other})" for sign in ("==", "!=", "<", ">=", "in", "not in", "and", "or")),
        *(
            f"({one} | {name})"
            for name in ("int", "float", "length", "string", "first", "list", "abs", "round", "upper")
        ),
        *(f"({one} is {name})" for name in ("string", "number", "none", "mapping", "boolean", "defined")),
        f"(not {one})",
        f"(-{one})",
        f"({one} if {other} else {one})",
        f"({one} == {one})",
        f"({one} == 5 and {one} == 6)",
        f"({one} != 5 or {one} != 6)",
        f"({one} > 5 and {one} < 3)",
        f"({one} | default({other}))",
    )
    return random.choice(forms)


def data_of(random: Random) -> dict[str, Any]:
    texts = ("", "a", "new", "5", "abc")
    made = {
        "n": random.choice((0, 1, 5, 6, -3, 5.0)),
        "f": random.choice((0.5, 2, -1.25)),
        "s": random.choice(texts),
        "b": random.choice((True, False)),
        "l": random.choices(texts, k=random.randrange(3)),
        "m": random.choice(({}, {"x": 5}, {"x": 0.5})),
        "z": random.choice((None, "a")),
        "e": random.choice(("new", "paid", 5)),
        "any": random.choice((None, 5, "a", [], {"x": 1}, True, 2.5)),
    }
    return {name: value for name, value in made.items() if random.random() < 0.9}
