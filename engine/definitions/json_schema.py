"""The JSON Schema (2020-12) of a pydantic model, as a person who writes YAML wants to read it.

It is flat: our models do not recurse, so that every `$ref` is replaced by what it names. That is faster to check, and
an editor shows the description that belongs to the place. Every field has a title, a description and an example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

Schema: TypeAlias = dict[str, Any]

_DURATIONS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
_SIZES = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10), ("", 1))
_HEAD = {"apiVersion": "The version of the format of this document.", "kind": "What this document defines."}


def schema_of_model(model: type[BaseModel], more: Mapping[str, Schema] | None = None) -> Schema:
    """`more`: keywords that pydantic cannot know, by the name of the model that they belong to."""
    schema = model.model_json_schema(schema_generator=_Generator)
    definitions = {name: {**part, **(more or {}).get(name, {})} for name, part in schema.pop("$defs", {}).items()}
    flat: Schema = _flatten(schema, definitions)
    return _complete(flat)


class _Generator(GenerateJsonSchema):
    """Nobody writes null, and defaults look as one would write them."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Schema:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        json_schema = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default is None or default == "" or isinstance(default, BaseModel):
            return json_schema
        return {**json_schema, "default": _written(self.encode_default(default), json_schema.get("x-format"))}


def _written(value: Any, format: str | None) -> Any:
    """A default as a person would write it: 0.02 seconds are `20ms`, 4194304 bytes are `4Mi`."""
    if format == "duration":
        milliseconds = round(value * 1000)
        if not milliseconds:
            return "0s"
        unit, size = next(
            (unit, size) for unit, size in _DURATIONS if milliseconds % size == 0 and milliseconds >= size
        )
        return f"{milliseconds // size}{unit}"
    if format == "size":
        unit, size = next((unit, size) for unit, size in _SIZES if value % size == 0 and value >= size)
        return f"{value // size}{unit}" if unit else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _flatten(node: Any, definitions: Mapping[str, Schema]) -> Any:
    if isinstance(node, list):
        return [_flatten(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    if name in definitions:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return {**_flatten(definitions[name], definitions), **beside}
    return {key: _flatten(value, definitions) for key, value in node.items()}


def _complete(schema: Schema) -> Schema:
    """Gives every field within a title, and the description and the examples that follow from what is there."""
    completed = {key: schema[key] for key in ("title", "description") if key in schema} | schema
    if "properties" in schema:
        fields = {name: _complete(field) for name, field in schema["properties"].items()}
        completed["properties"] = {name: _complete_field(name, field, schema) for name, field in fields.items()}
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            completed[part] = _complete(schema[part])
    if "anyOf" in schema:
        completed["anyOf"] = [_complete(branch) for branch in schema["anyOf"]]
    return completed


def _complete_field(name: str, field: Schema, owner: Schema) -> Schema:
    inherited = owner.get("description") if name == "spec" else _HEAD.get(name)
    parts = {
        "title": _title(name),
        "description": field.get("description") or inherited,
        "examples": field.get("examples") or _examples(field),
    }
    known = {key: value for key, value in parts.items() if value}
    return {**known, **field, **known}


def _examples(field: Schema) -> list[Any]:
    """The examples that follow from the rest of a schema; none where nothing follows."""
    if "const" in field:
        return [field["const"]]
    if "enum" in field:
        return list(field["enum"])
    if "default" in field:
        return [field["default"]]
    if "anyOf" in field:
        return next((found for branch in field["anyOf"] if (found := branch.get("examples") or _examples(branch))), [])
    if "items" in field:
        item = field["items"].get("examples") or _examples(field["items"])
        return [item[:1]] if item else []
    properties = field.get("properties", {})
    names = field.get("required") or list(properties)[:1]
    example = {name: properties[name]["examples"][0] for name in names if properties[name].get("examples")}
    return [example] if example else []


def _title(name: str) -> str:
    """`maxEvents` -> `Max events`, `clientTLS` -> `Client TLS`."""
    words = re.findall(r"[A-Z\d]+(?![a-z])|[A-Z]?[a-z]+", name)
    title = " ".join(word if word.isupper() else word.lower() for word in words)
    return title[:1].upper() + title[1:]
