from __future__ import annotations

from typing import Any

import pytest

from engine.definitions.schema_types import type_of_schema
from engine.definitions.value_type import UNKNOWN


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "a text"),
        ({"type": ["integer", "null"]}, "a number or nothing"),
        ({"const": "a"}, "a text"),
        ({"enum": ["a", 5, None]}, "a number, a text or nothing"),
        ({"enum": ["a", 5], "type": "string"}, "a text"),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, "a boolean or a text"),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, "a text or nothing"),
        ({"allOf": [{"type": ["string", "null"]}, {"type": ["string", "number"]}]}, "a text"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array"}}}, "a list"),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "array"}}}, "a list"),
        ({"$ref": "#/allOf/0", "allOf": [{"type": "array"}]}, "a list"),
    ],
)
def test_kinds_are_those_of_the_values_that_match(schema: Any, words: str) -> None:
    assert str(type_of_schema(schema)) == words


@pytest.mark.parametrize(
    "schema",
    [
        True,
        False,
        {},
        None,
        {"not": {"type": "string"}},
        {"if": {"type": "string"}, "then": {"type": "number"}},
        {"anyOf": [{"type": "string"}, {}]},
        {"enum": [["a"], {"b": 1}]},
        {"$ref": "#"},
        {"$ref": "#there", "$defs": {"a": {"$anchor": "there", "type": "string"}}},
        {"$ref": "#/$defs/a%20b", "$defs": {"a b": {"type": "string"}}},
        {"$id": "a", "$ref": "#/$defs/b", "$defs": {"b": {"$id": "c", "type": "string"}}},
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
    ],
)
def test_what_is_not_certain_is_not_known(schema: Any) -> None:
    assert type_of_schema(schema).kinds == UNKNOWN.kinds


@pytest.mark.parametrize(
    ("schema", "is_closed"),
    [
        ({"additionalProperties": False}, True),
        ({"unevaluatedProperties": False}, True),
        ({"unevaluatedProperties": False, "allOf": [{"properties": {"b": {}}}]}, False),
        ({"additionalProperties": False, "patternProperties": {"^x-": {}}}, False),
        ({"additionalProperties": {"type": "string"}}, False),
        ({"allOf": [{"properties": {"a": {}}, "additionalProperties": False}]}, True),
        ({"anyOf": [{"additionalProperties": False}, {}]}, False),
        ({}, False),
    ],
)
def test_fields_are_all_that_there_are_only_where_the_schema_says_so(schema: Any, is_closed: bool) -> None:
    assert type_of_schema({"type": "object", "properties": {"a": {}}, **schema}).is_closed == is_closed


def test_values_are_those_of_an_enumeration() -> None:
    assert type_of_schema({"enum": ["a", "b"]}).values == ("a", "b")
    assert type_of_schema({"anyOf": [{"const": "a"}, {"const": "b"}]}).values == ("a", "b")
    assert type_of_schema({"anyOf": [{"const": "a"}, {"type": "string"}]}).values is None


def test_schema_that_refers_to_itself_ends() -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "value": {"type": "number"}},
    }

    found = type_of_schema(tree)

    assert str(found.fields["value"]) == "a number"
    assert found.fields["left"].kinds == UNKNOWN.kinds


def test_schema_that_grows_without_end_ends() -> None:
    levels: dict[str, Any] = {
        f"l{n}": {"properties": {side: {"$ref": f"#/$defs/l{n + 1}"} for side in "abcd"}} for n in range(40)
    }

    assert type_of_schema({"$ref": "#/$defs/l0", "$defs": {**levels, "l40": {}}}).kinds == UNKNOWN.kinds
