"""What is wrong with a part of an expression, and above all with the name of a field."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.definitions.filter_types import attributes
from engine.definitions.value_type import EVENT, MAPPING, SCHEMA, ValueType
from engine.suggest import close_match, slip_of

_ATTRIBUTE_NAME = re.compile("[a-z0-9]+")  # CloudEvents 1.0, 3.1
_FEW = 12  # fields that are listed


@dataclass(frozen=True, slots=True)
class Complaint:
    """`offset` is where the part begins in the text of the expression; `owner`: what the field is missing in."""

    code: str
    message: str
    offset: int
    length: int
    hint: str = ""
    owner: str = ""


def no_field(owner: ValueType, name: str, offset: int, length: int, is_other: bool) -> Complaint | None:
    """What is wrong with a name that is not listed; `is_other`: a value that is no mapping could have it."""
    if not owner.can_be({MAPPING}):
        hint = close_match(name, attributes(owner.kinds))
        return None if is_other else Complaint("E409", f"{owner} has no {name!r}", offset, length, hint)
    if is_other and owner.is_known:
        return None
    meant = slip_of(name, owner.fields)
    hint = f"did you mean {meant!r}?" if meant else ""
    if owner.owner == EVENT:
        if meant is None and _ATTRIBUTE_NAME.fullmatch(name):
            return None  # any system may add an attribute
        hint = hint or "the names of attributes have only a-z and 0-9"
        return Complaint("E409", f"an event has no attribute {name!r}", offset, length, hint)
    if not owner.is_closed:
        message = f"{owner.owner} does not list {name!r}"
        return Complaint("W403", message, offset, length, hint, owner.owner) if meant else None
    known = list(owner.fields)
    listed = f"there is {', '.join(known)}" if 0 < len(known) <= _FEW else ""
    code = "E413" if owner.owner == SCHEMA else "E409"
    hint = hint or close_match(name, known) or listed
    return Complaint(code, f"{owner.owner} has no {name!r}", offset, length, hint, owner.owner)
