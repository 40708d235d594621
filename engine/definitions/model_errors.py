"""What pydantic says of a value, as diagnostics at the place of that value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document, Step


def model_errors(document: Document, error: ValidationError, path: Sequence[Step] = ()) -> list[Diagnostic]:
    """One diagnostic a value; `path` is where the validated value is in the document."""
    found: dict[tuple[Step, ...], Diagnostic] = {}
    for detail in error.errors(include_url=False):
        place = _existing(document, path, detail["loc"])
        found.setdefault(place, document.error("E205", message_of(detail), place))
    return list(found.values())


def message_of(detail: Mapping[str, Any]) -> str:
    """The validator's own words, without pydantic's."""
    reason = detail.get("ctx", {}).get("error")
    message = str(reason if reason is not None else detail["msg"])
    return message[:1].lower() + message[1:] if reason is None else message


def _existing(document: Document, path: Sequence[Step], loc: Sequence[Step]) -> tuple[Step, ...]:
    """The location without what pydantic adds to it: the names of the members of a union."""
    place = tuple(path)
    value = document.get(place)
    for step in loc:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            continue
        place = (*place, step)
    return place
