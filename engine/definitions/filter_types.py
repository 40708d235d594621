"""What filters and methods take and give, as far as the check of expressions asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from markupsafe import Markup

from engine.definitions.value_type import (
    BOOLEAN,
    BYTES,
    FLOAT,
    INTEGER,
    KINDS,
    LIST,
    MAPPING,
    NUMBERS,
    NUMERIC,
    TEXT,
    TIME,
    UNKNOWN,
    ValueType,
    of_kinds,
)

_ITERABLE = frozenset({TEXT, LIST, MAPPING, BYTES})

TAKES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("abs", "round"), NUMERIC),
    **dict.fromkeys(
        ("length", "count", "first", "join", "list", "map", "max", "min", "reject", "rejectattr"), _ITERABLE
    ),
    **dict.fromkeys(("select", "selectattr", "sort", "sum", "unique", "groupby"), _ITERABLE),
    **dict.fromkeys(("items", "dictsort"), frozenset({MAPPING})),
}
"""The kinds that a filter takes; the others take all, or are not known."""

_TEXTS = (
    "capitalize e escape filesizeformat forceescape format join lower replace string striptags title tojson trim "
    "truncate upper urlencode"
)
_GIVES: Mapping[str, ValueType] = {
    **dict.fromkeys(_TEXTS.split(), of_kinds(TEXT)),
    **dict.fromkeys(("length", "count", "int", "wordcount"), of_kinds(INTEGER)),
    **dict.fromkeys(("abs", "round"), of_kinds(*NUMBERS)),
    "float": of_kinds(FLOAT),
    **dict.fromkeys(("map", "groupby", "items", "dictsort"), of_kinds(LIST)),
}
_SAME_ITEMS = frozenset({"list", "sort", "unique", "select", "selectattr", "reject", "rejectattr"})
_ONE_ITEM = frozenset({"first", "last", "max", "min"})

_CLASSES: Mapping[str, type] = {
    BOOLEAN: bool,
    INTEGER: int,
    FLOAT: float,
    TEXT: str,
    LIST: list,
    BYTES: bytes,
    TIME: datetime,
}
METHODS = frozenset({"get"}).union(*(dir(kind) for kind in (*_CLASSES.values(), timedelta, Markup)))
"""Every name that something in an expression can be called by."""

_OF_TEXT: Mapping[str, ValueType] = {
    **dict.fromkeys([name for name in dir(str) if name.startswith("is")], of_kinds(BOOLEAN)),
    **dict.fromkeys(("startswith", "endswith"), of_kinds(BOOLEAN)),
    **dict.fromkeys(("count", "find", "index", "rfind", "rindex"), of_kinds(INTEGER)),
    **dict.fromkeys(("split", "rsplit", "splitlines"), ValueType(frozenset({LIST}), items=of_kinds(TEXT))),
    **dict.fromkeys(
        [
            "capitalize",
            "casefold",
            "format",
            "join",
            "lower",
            "lstrip",
            "removeprefix",
            "removesuffix",
            "replace",
            "rstrip",
            "strip",
            "swapcase",
            "title",
            "upper",
        ],
        of_kinds(TEXT),
    ),
}
_OF_TIME: Mapping[str, ValueType] = {
    **dict.fromkeys(("isoformat", "strftime", "ctime"), of_kinds(TEXT)),
    **dict.fromkeys(("weekday", "isoweekday"), of_kinds(INTEGER)),
    "timestamp": of_kinds(FLOAT),
}


def type_after(filter: str, value: ValueType) -> ValueType:
    """What a filter makes of a value."""
    if filter in _SAME_ITEMS:
        return ValueType(frozenset({LIST}), items=value.item() if value.kinds == {LIST} else None)
    return value.item() if filter in _ONE_ITEM else _GIVES.get(filter, UNKNOWN)


def has_attribute(kind: str, name: str) -> bool:
    """Of all kinds but mappings, whose attributes are their fields."""
    return kind in _CLASSES and hasattr(_CLASSES[kind], name)


def is_method(kind: str, name: str) -> bool:
    return callable(getattr(_CLASSES[kind], name, None))


def attributes(kinds: frozenset[str]) -> list[str]:
    """The public names of all of these kinds."""
    found = {name for kind in kinds & _CLASSES.keys() for name in dir(_CLASSES[kind])}
    return sorted(name for name in found if not name.startswith("_"))


def type_of_call(owner: ValueType, method: str) -> ValueType:
    """What a method of a value gives."""
    if owner.kinds == {TEXT}:
        return _OF_TEXT.get(method, UNKNOWN)
    return _OF_TIME.get(method, UNKNOWN) if owner.kinds == {TIME} else UNKNOWN


def takes(filter: str) -> frozenset[str]:
    return TAKES.get(filter, KINDS)
