"""Bindings and stores where they are defined: the component type, and its metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from engine.definitions import shape
from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.language import template_error
from engine.definitions.metadata import (
    Entry,
    Path,
    canonical_names,
    entries_of_list,
    entries_of_mapping,
    repeated,
    secret_names,
)
from engine.definitions.settings import Resolved, build
from engine.definitions.uses import ComponentUse
from engine.environment import belongs_to_engine
from engine.errors import DefinitionError
from engine.registry import component_type

# Building blocks of Dapr that this version of the engine does not have, by how their types begin.
_NOT_APPLIED = ("state.", "pubsub.", "configuration.", "lock.", "crypto.", "conversation.", "middleware.", "workflow.")


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding or store as its document writes it, with the manifest of its type. `path` is that of its metadata."""

    document: Document
    manifest: ComponentType
    entries: Sequence[Entry]
    path: Path
    in_place: bool = False

    def check(self) -> Iterator[Diagnostic]:
        """What is wrong with the metadata before any value is looked up."""
        yield from repeated(self.document, self.entries)
        given = [entry for entry in self.entries if entry.is_given]
        values = {entry.name: entry.value for entry in given if not entry.is_reference}
        places = {entry.name: entry.path for entry in given}
        for entry in given:
            if entry.env is not None and belongs_to_engine(entry.env):
                message = f"the environment variable {entry.env} belongs to the engine"
                yield self.document.error("E505", message, entry.path, "name another variable")
        for entry in given if self.in_place else ():
            wrong = _not_in_place(self.document, entry)
            if wrong is not None:
                yield wrong
                del values[entry.name]
        badly_shaped = shape.validate_metadata(self.document, self.manifest, values, places, self.path)
        yield from badly_shaped
        if badly_shaped:
            yield from self._check_beside(values, badly_shaped)

    def _check_beside(self, values: Mapping[str, Any], wrong: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
        """What the type's own validators say of the values whose shape is right."""
        known = set(canonical_names(self.manifest.metadata).values())
        right = {name: value for name, value in values.items() if name in known}
        told = {diagnostic.span for diagnostic in wrong} | {self.document.span(self.path, key=True)}
        found = build(self.document, self.manifest, self.entries, right, self.path)[1]
        return (diagnostic for diagnostic in found if diagnostic.span not in told)

    def check_values(self, resolved: Resolved) -> tuple[Metadata | None, list[Diagnostic]]:
        """The settings, or what the type's own validators say of the values."""
        settings, wrong = build(self.document, self.manifest, self.entries, resolved.values, self.path)
        return settings, [*resolved.diagnostics, *wrong]

    def check_requirements(self, uses: Iterable[ComponentUse]) -> Iterator[Diagnostic]:
        """What is missing for the directions in which it is used."""
        given = {entry.name for entry in self.entries if entry.is_given}
        for use in uses:
            needs = self.manifest.input_requires if use.direction == "input" else self.manifest.output_requires
            for name in needs:
                if name not in given:
                    given.add(name)  # once is enough
                    yield self._missing(name, use)

    def clear_secrets(self) -> Iterator[Path]:
        """The paths of the secrets that stand in the clear."""
        names = secret_names(self.manifest.metadata)
        in_clear = (entry for entry in self.entries if entry.is_given and not entry.is_reference)
        yield from (entry.path for entry in in_clear if entry.name in names)

    def _missing(self, name: str, use: ComponentUse) -> Diagnostic:
        message = f"as an {use.direction}, {self.manifest.name} needs the metadata field `{name}`"
        elsewhere = use.document.span(use.path) if isinstance(use.binding, str) else None
        related = f"here it is used as an {use.direction}"
        return self.document.error(
            "E206", message, self.path, "add it", key=True, related=elsewhere, related_message=related
        )


def component_binding(component: Definition) -> Binding | Diagnostic | None:
    """What a component document defines, or what is wrong with its type; None where it has none."""
    document, path = component.document, ("spec", "metadata")
    manifest = _manifest(document, ("spec", "type"))
    if not isinstance(manifest, ComponentType):
        return manifest
    return Binding(document, manifest, list(entries_of_list(document, path, manifest.metadata)), path)


def inline_binding(document: Document, path: Path) -> Binding | Diagnostic | None:
    """What a binding that is written in place at `path` defines."""
    manifest, place = _manifest(document, (*path, "type")), (*path, "metadata")
    if not isinstance(manifest, ComponentType):
        return manifest
    entries = list(entries_of_mapping(document, place, manifest.metadata))
    return Binding(document, manifest, entries, place, in_place=True)


def _not_in_place(document: Document, entry: Entry) -> Diagnostic | None:
    """An error for what only a Component document can hold."""
    if isinstance(entry.value, dict) and not {"secretKeyRef", "envRef"}.isdisjoint(entry.value):
        hint = "write a Component document with this metadata, and name it here"
        return document.error("E207", "a binding that is written in place can have no references", entry.path, hint)
    if isinstance(entry.value, str) and "{{" in entry.value:
        return template_error(document, entry.path, entry.value)
    return None


def _manifest(document: Document, path: Path) -> ComponentType | Diagnostic | None:
    type_name = document.get(path)
    if not isinstance(type_name, str):
        return None
    try:
        return component_type(type_name)
    except DefinitionError as error:
        if type_name.startswith(_NOT_APPLIED):
            block = type_name.partition(".")[0]
            message = f"{block} components are read, but this version does not apply them yet"
            return document.warning("W201", message, path)
        return document.error("E304", str(error.args[0]), path, error.hint)
