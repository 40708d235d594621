"""What can be written where the cursor is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from engine.definitions.json_schema import Schema
from engine.definitions.kinds import KINDS
from engine.definitions.wording import type_of_field, usage
from engine.lsp import fields
from engine.lsp.cursor import Cursor, cursor_in
from engine.lsp.meaning import Meaning
from engine.lsp.project import Project


class Sort(Enum):
    """What a proposal is, for the sign that editors show beside it."""

    FIELD = auto()
    VALUE = auto()
    NAME = auto()
    TYPE = auto()


@dataclass(frozen=True, slots=True)
class Proposal:
    """`text` goes in the place of the word before the cursor."""

    label: str
    text: str
    sort: Sort
    detail: str = ""
    about: str = ""


def complete(project: Project, text: str, line: int, column: int) -> tuple[Cursor, list[Proposal]]:
    """`line` and `column` count from 0, in characters."""
    cursor = cursor_in(text, line, column)
    meaning = Meaning(project, cursor)
    found = list(_values(project, meaning, cursor) if cursor.in_value else _keys(project, meaning, cursor))
    return cursor, found


def _keys(project: Project, meaning: Meaning, cursor: Cursor) -> Iterator[Proposal]:
    known: dict[str, Schema] = fields.properties(meaning.schemas(cursor.path))
    if not cursor.path and not known:
        known = _head()
    for name, schema in {**known, **meaning.keys(cursor.path)}.items():
        if name not in cursor.siblings:
            yield Proposal(name, f"{name}: ", Sort.FIELD, type_of_field(schema), usage(schema, name))
    if cursor.path and isinstance(cursor.path[-1], int) and not known:
        yield from _values(project, meaning, cursor)  # of a list of plain values


def _values(project: Project, meaning: Meaning, cursor: Cursor) -> Iterator[Proposal]:
    path = cursor.path
    if path == ("kind",):
        yield from (Proposal(name, name, Sort.VALUE, about=kind.model.__doc__ or "") for name, kind in KINDS.items())
        return
    if path == ("apiVersion",) and cursor.kind not in KINDS:
        versions = dict.fromkeys(version for kind in KINDS.values() for version in kind.api_versions)
        yield from (Proposal(version, version, Sort.VALUE) for version in versions)
        return
    kind = meaning.refers_to(path)
    for named in project.named(kind) if kind else ():
        if kind != "Component" or meaning.fits(path, named.about):
            yield Proposal(named.name, named.name, Sort.NAME, named.about, named.description)
    for name, summary in meaning.types(path).items():
        yield Proposal(name, name, Sort.TYPE, about=summary)
    for name, summary in meaning.operations(path).items():
        yield Proposal(name, name, Sort.VALUE, about=summary)
    for name, schema in meaning.names(path).items():
        yield Proposal(name, name, Sort.FIELD, type_of_field(schema), usage(schema))
    for value in fields.values(meaning.schemas(path)):
        yield Proposal(value, value, Sort.VALUE)


def _head() -> dict[str, Schema]:
    """The fields of a document of which the kind is not known."""
    return {
        "apiVersion": {"description": "The version of the format of this document.", "examples": ["jackfield/v1"]},
        "kind": {"description": "What this document defines.", "enum": list(KINDS)},
        "metadata": {"description": "Its name.", "type": "object", "examples": [{"name": "orders"}]},
        "spec": {"description": "What it says.", "type": "object"},
    }
