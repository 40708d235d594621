"""What the schemas say of a place in a document."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from engine.definitions.json_schema import Schema
from engine.definitions.kinds import KINDS
from engine.definitions.schemas import schema_of
from engine.lsp.outline import Path
from engine.registry import component_types

_schema = functools.cache(schema_of)


def at(kind: str, path: Path) -> list[Schema]:
    """All that can stand at a path of a document of this kind; nothing where nothing is known of it."""
    return _below(_schema(kind), path) if kind in KINDS else []


def of_metadata(type_name: str) -> Schema | None:
    """The schema of the metadata of a component type; None where it is not installed."""
    return _schema(type_name) if type_name in component_types() else None


def properties(schemas: list[Schema]) -> dict[str, Schema]:
    """The fields that a mapping at this place can have."""
    found: dict[str, Schema] = {}
    for schema in _choices(schemas):
        found |= schema.get("properties", {})
    return found


def values(schemas: list[Schema]) -> list[str]:
    """The values that are enumerated for this place, as they are written."""
    found: list[str] = []
    for schema in _choices(schemas):
        found += map(str, schema.get("enum", [schema["const"]] if "const" in schema else []))
        found += ["true", "false"] if schema.get("type") == "boolean" else []
    return list(dict.fromkeys(value for value in found if value))


def _below(schema: Schema, path: Path) -> list[Schema]:
    schemas = [schema]
    for step in path:
        schemas = list(_step(schemas, step))
    return schemas


def _step(schemas: list[Schema], step: str | int) -> Iterator[Schema]:
    for schema in _choices(schemas):
        if isinstance(step, int):
            below = schema.get("items")
        else:
            below = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
        if isinstance(below, dict):
            yield below


def _choices(schemas: list[Schema]) -> Iterator[Schema]:
    for schema in schemas:
        yield schema
        yield from _choices(schema.get("anyOf", []))
