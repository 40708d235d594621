"""Values, types and examples in plain words, for messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from engine.definitions.json_schema import Schema

_TYPES = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_FORMATS = {"flag": "true or false", "whole": "whole number"}
_LONGEST = 40  # characters of a value that are repeated


def a_type(name: str) -> str:
    """A JSON Schema type as YAML's writers know it."""
    return _TYPES.get(name, name)


def type_of_field(schema: Schema) -> str:
    """What a field takes, in a few words: `duration`, `text or mapping`, `POST, PUT or PATCH`."""
    if "x-format" in schema:
        format = str(schema["x-format"])
        return _FORMATS.get(format, format)
    if schema.get("writeOnly"):
        return "secret"
    if "const" in schema or "enum" in schema:
        return either([str(value) for value in schema.get("enum", [schema.get("const")])])
    if "anyOf" in schema:
        return either(list(dict.fromkeys(type_of_field(branch) for branch in schema["anyOf"])))
    types = schema.get("type", "anything")
    name = "string" if isinstance(types, list) and "string" in types else str(types)
    return a_type(name).removeprefix("a ")


def kind_of_value(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return json.dumps(value)
        case float() if not value.is_integer():
            return "a number with a fraction"
        case int() | float():
            return "a number"
        case str():
            return "a text"
    return "a list" if isinstance(value, list) else "a mapping"


def shown(value: Any, schema: Schema) -> str:
    """A value as it can be repeated in a message: never a secret (`writeOnly`), never long."""
    if schema.get("writeOnly"):
        return "what is written here"
    if value is None or isinstance(value, list | dict):
        return kind_of_value(value)
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…")
    return json.dumps(value)


def usage(schema: Schema, name: str = "") -> str:
    """What a field is for, and an example of how to write it."""
    parts = [schema["description"]] if "description" in schema else []
    if "examples" in schema:
        parts.append(f"For example: `{f'{name}: ' if name else ''}{on_one_line(schema['examples'][0])}`")
    return " ".join(parts)


def on_one_line(value: Any) -> str:
    """A value in YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=100_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()  # YAML's end of a document, after a scalar


def either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
