"""The names of a folder: what each kind defines, and which of it is there twice, broken or lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic, Span
from engine.definitions.document import Document, Step
from engine.definitions.folder import Folder
from engine.registry import component_types
from engine.suggest import close_match


@dataclass(frozen=True, slots=True)
class Names:
    """By kind and name, the first definition of that name; and the names in texts that are no YAML."""

    known: Mapping[str, Mapping[str, Definition]]
    lost: Mapping[str, Span]

    def of_kind(self, kind: str) -> Mapping[str, Definition]:
        return self.known.get(kind, {})

    def unknown(self, kind: str, name: str, document: Document, path: Iterable[Step]) -> Diagnostic:
        """The error for a name that `of_kind` does not have."""
        place, thing = tuple(path), kind.lower()
        if name in self.lost:
            message = f"the {thing} {name!r} is in a text that is no YAML"
            return document.error("E303", message, place, related=self.lost[name], related_message="it is here")
        return document.error("E302", f"there is no {thing} {name!r}", place, self._hint(kind, name))

    def _hint(self, kind: str, name: str) -> str:
        other = next((other for other, known in self.known.items() if name in known), None)
        if other is not None:
            return f"the document of that name is of the kind {other}"
        if name in component_types():
            return f"that is a component type; in place it is written {{type: {name}, metadata: {{…}}}}"
        names = self.of_kind(kind)
        return close_match(name, names) or _what_there_is(kind.lower(), names)


def names_of(folder: Folder) -> tuple[Names, list[tuple[Definition, Diagnostic]]]:
    """The names of a folder, and an error for each document that has a name which its kind has already."""
    known: dict[str, dict[str, Definition]] = {}
    repeated: list[tuple[Definition, Diagnostic]] = []
    for definition in folder.definitions:
        if not definition.kind or not definition.name:
            continue
        first = known.setdefault(definition.kind, {}).setdefault(definition.name, definition)
        if first is not definition:
            # Which of the two is meant cannot be known, so neither is used.
            repeated += [(definition, _repeated(definition, first)), (first, _repeated(first, definition))]
    lost = {name: span for file in folder.files.values() for name, span in file.lost_names.items()}
    return Names(known, lost), repeated


def _repeated(definition: Definition, other: Definition) -> Diagnostic:
    path = ("metadata", "name")
    return definition.document.error(
        "E301",
        f"there are two {definition.kind} documents of the name {definition.name!r}",
        path,
        "give one of them another name",
        related=other.document.span(path),
        related_message="the other one is here",
    )


def _what_there_is(thing: str, names: Iterable[str]) -> str:
    listed = sorted(names)
    if not listed:
        return f"this folder defines no {thing}"
    rest = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return f"there is {', '.join(listed[:8])}{rest}"
