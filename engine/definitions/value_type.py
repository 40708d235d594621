"""What is known of a value before there is one: which kinds it can be of, its fields, its items, its possible values.

Whoever asks takes "not known" for "fine": an alarm is raised only for what is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

NULL, BOOLEAN, INTEGER, FLOAT, TEXT = "nothing", "a boolean", "a whole number", "a fraction", "a text"
LIST, MAPPING, BYTES, TIME, METHOD = "a list", "a mapping", "bytes", "a time", "a method"

EVENT, SCHEMA, TRANSFORM = "an event", "the schema of the data", "the transform before"
"""The owners of fields of which more is known than their names."""

NUMBERS = frozenset({INTEGER, FLOAT})
NUMERIC = NUMBERS | {BOOLEAN}  # what Python calculates with
KINDS = NUMBERS | {NULL, BOOLEAN, TEXT, LIST, MAPPING, BYTES, TIME, METHOD}

_KIND_OF = {bool: BOOLEAN, int: INTEGER, float: FLOAT, str: TEXT, list: LIST, tuple: LIST, dict: MAPPING, bytes: BYTES}


@dataclass(frozen=True, slots=True)
class ValueType:
    """`values`: all that it can be, if that is known. `is_closed`: it has no other fields than `fields`.

    `owner` is what the fields belong to, in words for a message.
    """

    kinds: frozenset[str] = KINDS
    values: tuple[Any, ...] | None = None
    fields: Mapping[str, ValueType] = field(default_factory=dict)
    is_closed: bool = False
    items: ValueType | None = None
    owner: str = ""

    @property
    def is_known(self) -> bool:
        return self.kinds != KINDS

    def can_be(self, kinds: Iterable[str]) -> bool:
        return not self.kinds.isdisjoint(kinds)

    def __str__(self) -> str:
        """In words: `a text or nothing`."""
        if self.kinds >= NUMBERS:
            return _either({*(self.kinds - NUMBERS), "a number"})
        return _either(self.kinds)

    def item(self) -> ValueType:
        return self.items if self.items is not None and self.kinds == {LIST} else UNKNOWN

    def __or__(self, other: ValueType) -> ValueType:
        """What is one or the other."""
        if self is other:
            return self
        if MAPPING not in other.kinds or MAPPING not in self.kinds:
            fields = self.fields if MAPPING in self.kinds else other.fields
        else:
            both = self.fields.keys() & other.fields.keys()
            fields = dict.fromkeys(self.fields.keys() ^ other.fields.keys(), UNKNOWN)
            fields |= {name: self.fields[name] | other.fields[name] for name in both}
        if LIST not in other.kinds or LIST not in self.kinds:
            items = self.items if LIST in self.kinds else other.items
        else:
            items = self.items | other.items if self.items and other.items else None
        return ValueType(
            kinds=self.kinds | other.kinds,
            values=(*self.values, *other.values) if self.values is not None and other.values is not None else None,
            fields=fields,
            is_closed=all(one.is_closed or MAPPING not in one.kinds for one in (self, other)),
            items=items,
            owner=self.owner or other.owner,
        )

    def __and__(self, other: ValueType) -> ValueType:
        """What is both."""
        fields = {**self.fields, **other.fields}
        fields |= {name: self.fields[name] & other.fields[name] for name in self.fields.keys() & other.fields.keys()}
        for one in (self, other):
            if one.is_closed:
                fields = {name: kept for name, kept in fields.items() if name in one.fields}
        values = other.values if self.values is None else self.values
        if self.values is not None and other.values is not None:
            values = tuple(value for value in self.values if value in other.values)
        return ValueType(
            kinds=self.kinds & other.kinds or KINDS,  # what contradicts itself is not to be judged further
            values=values or None,
            fields=fields,
            is_closed=self.is_closed or other.is_closed,
            items=self.items & other.items if self.items and other.items else self.items or other.items,
            owner=self.owner or other.owner,
        )


UNKNOWN = ValueType()


def of_kinds(*kinds: str) -> ValueType:
    return ValueType(frozenset(kinds))


def of_value(value: Any) -> ValueType:
    """The type of a constant."""
    kind = TIME if isinstance(value, datetime) else _KIND_OF.get(type(value), NULL)
    if isinstance(value, list | tuple):
        return of_list([of_value(item) for item in value])
    if isinstance(value, dict):
        return of_fields({str(name): of_value(item) for name, item in value.items()})
    return ValueType(frozenset({kind}), values=(value,))


def of_list(items: Iterable[ValueType]) -> ValueType:
    return replace(of_kinds(LIST), items=union(items))


def of_fields(fields: Mapping[str, ValueType], owner: str = "") -> ValueType:
    """A mapping with these fields and no others."""
    return ValueType(frozenset({MAPPING}), fields=fields, is_closed=True, owner=owner)


def union(types: Iterable[ValueType]) -> ValueType | None:
    """None for no types at all."""
    result: ValueType | None = None
    for one in types:
        result = one if result is None else result | one
    return result


def _either(words: Iterable[str]) -> str:
    *most, last = sorted(words) or ["no value"]
    return f"{', '.join(most)} or {last}" if most else last
