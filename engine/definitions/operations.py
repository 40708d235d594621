"""Which operations work on values of which types, as Python and the sandbox (engine/sandbox.py) have them."""

from __future__ import annotations

from engine.definitions.value_type import (
    BOOLEAN,
    BYTES,
    FLOAT,
    INTEGER,
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

_ORDERED = (NUMERIC, frozenset({TEXT}), frozenset({LIST}), frozenset({BYTES}), frozenset({TIME}))
_HOLDING = frozenset({TEXT, LIST, MAPPING, BYTES})
_REPEATED = frozenset({TEXT, BYTES})
_WHOLE = frozenset({INTEGER, BOOLEAN})


def are_ordered(left: ValueType, right: ValueType) -> bool:
    """Whether `<` can be asked of them."""
    return any(left.can_be(kinds) and right.can_be(kinds) for kinds in _ORDERED)


def can_be_equal(left: ValueType, right: ValueType) -> bool:
    """Whether `==` can be true: `true == 1` is, and values of other kinds never are."""
    if left.values is not None and right.values is not None:
        return any(one == other for one in left.values for other in right.values)
    return left.can_be(right.kinds) or (left.can_be(NUMERIC) and right.can_be(NUMERIC))


def can_hold(item: ValueType, holder: ValueType) -> bool:
    """Whether `in` can be asked: within a text, only a text can be looked for."""
    if holder.kinds == {TEXT}:
        return item.can_be({TEXT})
    return holder.can_be(_HOLDING)


def result_of(sign: str, left: ValueType, right: ValueType) -> ValueType | None:
    """What an arithmetic operation gives; None where it fails whatever the values are."""
    if left.kinds <= NUMERIC and right.kinds <= NUMERIC:
        return _of_numbers(sign, left, right)
    if left.can_be(NUMERIC) and right.can_be(NUMERIC):
        return of_kinds(FLOAT) if sign == "/" else UNKNOWN
    works = {
        "+": any(left.can_be({kind}) and right.can_be({kind}) for kind in (TEXT, LIST, BYTES))
        or _has_time(left, right),
        "-": _has_time(left, right),
        "*": _repeats(left, right) or _repeats(right, left),
        "%": left.can_be(_REPEATED),
    }
    if not works.get(sign, False):
        return None
    return of_kinds(TEXT) if left.kinds == {TEXT} and sign != "*" else UNKNOWN


def _of_numbers(sign: str, left: ValueType, right: ValueType) -> ValueType:
    if sign == "/" or (sign != "**" and {FLOAT} in (left.kinds, right.kinds)):
        return of_kinds(FLOAT)
    return of_kinds(INTEGER) if left.kinds <= _WHOLE and right.kinds <= _WHOLE and sign != "**" else of_kinds(*NUMBERS)


def _repeats(text: ValueType, times: ValueType) -> bool:
    return text.can_be(_REPEATED) and times.can_be(_WHOLE)


def _has_time(left: ValueType, right: ValueType) -> bool:
    """`now - now` is a duration, which has no kind of its own here."""
    return left.can_be({TIME}) and right.can_be({TIME})
