"""What a JSON Schema (2020-12) says of the values that match it, as far as it is certain.

Keywords that only narrow a value within its kind (`minimum`, `pattern`, `if`, `not` …) are left out: a type that is
too wide raises no false alarm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from engine.definitions.value_type import (
    BOOLEAN,
    KINDS,
    LIST,
    MAPPING,
    NULL,
    NUMBERS,
    SCHEMA,
    TEXT,
    UNKNOWN,
    ValueType,
    of_value,
    union,
)

_KINDS_OF = {
    "null": frozenset({NULL}),
    "boolean": frozenset({BOOLEAN}),
    "integer": NUMBERS,  # 1.0 is an integer for JSON Schema, and a float for Python
    "number": NUMBERS,
    "string": frozenset({TEXT}),
    "array": frozenset({LIST}),
    "object": frozenset({MAPPING}),
}
_SEE_OTHERS = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas")
_MOST_REFERENCES = 200  # that are followed; a type needs no more


def type_of_schema(schema: Any) -> ValueType:
    """`schema` has been checked: it is one, and its references lead somewhere."""
    return _Reader(schema).read(schema)


class _Reader:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._has_inner_ids = repr(root).count("'$id'") > 1  # then `#` may stand for a part of the document
        self._open: set[int] = set()  # the schemas that are being read: one of them again is recursion
        self._followed = 0

    def read(self, schema: Any) -> ValueType:
        if not isinstance(schema, dict) or id(schema) in self._open:
            return UNKNOWN
        self._open.add(id(schema))
        try:
            found = self._own(schema)
            for part in self._parts(schema):
                found &= part
        finally:
            self._open.discard(id(schema))
        return found

    def _own(self, schema: dict[str, Any]) -> ValueType:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        if others is True and not any(keyword in schema for keyword in _SEE_OTHERS):
            others = schema.get("unevaluatedProperties", True)
        return ValueType(
            kinds=self._kinds(schema),
            fields={name: self.read(part) for name, part in properties.items()},
            is_closed=others is False and not schema.get("patternProperties"),
            items=self._items(schema),
            owner=SCHEMA,
        )

    @staticmethod
    def _kinds(schema: dict[str, Any]) -> frozenset[str]:
        types = schema.get("type")
        if types is None:
            return KINDS
        return frozenset[str]().union(*(_KINDS_OF[name] for name in ([types] if isinstance(types, str) else types)))

    def _items(self, schema: dict[str, Any]) -> ValueType | None:
        if "prefixItems" in schema:
            return None
        return self.read(schema["items"]) if isinstance(schema.get("items"), dict) else None

    def _parts(self, schema: dict[str, Any]) -> Iterator[ValueType]:
        """What holds besides."""
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if values is not None and all(isinstance(value, str | int | float | bool | None) for value in values):
            found = union(of_value(value) for value in values) or UNKNOWN
            yield replace(found, kinds=found.kinds | NUMBERS) if found.can_be(NUMBERS) else found  # 5.0 equals 5
        yield from (self.read(part) for part in schema.get("allOf", ()))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                yield union(self.read(part) for part in schema[keyword]) or UNKNOWN
        if "$ref" in schema:
            yield self._referred(schema["$ref"])

    def _referred(self, reference: str) -> ValueType:
        """Of a JSON pointer within the document; what `$id` and `$anchor` name is not followed."""
        self._followed += 1
        is_pointer = reference == "#" or reference.startswith("#/")
        if not is_pointer or self._has_inner_ids or self._followed > _MOST_REFERENCES:
            return UNKNOWN
        node = self._root
        for part in reference[1:].split("/")[1:]:
            step = part.replace("~1", "/").replace("~0", "~")
            try:
                node = node[int(step)] if isinstance(node, list) else node[step]
            except (LookupError, TypeError, ValueError):
                return UNKNOWN  # percent-encoded, or relative to an `$id` further down
        return self.read(node)
