"""The settings of a binding or store: its metadata, resolved and validated, as its factory takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from engine.definitions.component import Component
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.folder import Located
from engine.definitions.metadata import Entry, Path, entries_of_list, entries_of_mapping, expand, secret_names
from engine.definitions.model_errors import message_of
from engine.definitions.pipeline import InlineBinding
from engine.errors import DefinitionError
from engine.registry import component_type
from engine.secrets import SecretError, Secrets, environment_value


@dataclass(frozen=True, slots=True)
class Resolved:
    """The values by name, as far as they could be had; the rest is in `diagnostics`."""

    values: Mapping[str, Any]
    diagnostics: Sequence[Diagnostic]


async def settings(component: Located[Component], secrets: Secrets) -> Metadata:
    """The settings of a component; raises `DefinitionError` with `file:line:column`."""
    document, spec, path = component.document, component.model.spec, ("spec", "metadata")
    manifest = component_type(spec.type)
    entries = list(entries_of_list(document, path, manifest.metadata))
    store = component.model.auth.secret_store if component.model.auth else ""
    resolved = await resolve(document, entries, store, secrets)
    return _built(document, manifest, entries, resolved, path)


def inline_settings(document: Document, path: Path, binding: InlineBinding) -> Metadata:
    """The settings of a binding that is written in place at `path`; raises `DefinitionError` as `settings` does."""
    manifest, place = component_type(binding.type), (*path, "metadata")
    entries = list(entries_of_mapping(document, place, manifest.metadata))
    return _built(document, manifest, entries, written(document, entries), place)


async def resolve(document: Document, entries: Sequence[Entry], store: str, secrets: Secrets | None) -> Resolved:
    """The values of all entries. Without `secrets`, what is given by reference stays out."""
    in_place = written(document, entries)
    values, diagnostics = dict(in_place.values), list(in_place.diagnostics)
    if secrets is None:
        return in_place
    for entry in entries:
        try:
            if entry.secret is not None:
                values[entry.name] = await secrets.get(store, entry.secret)
            elif entry.env is not None:
                values[entry.name] = environment_value(entry.env)
        except SecretError as error:
            diagnostics.append(document.error(error.code, str(error.args[0]), (*entry.path, error.part), error.hint))
    return Resolved(values, diagnostics)


def written(document: Document, entries: Sequence[Entry]) -> Resolved:
    """The values that stand in the document."""
    values: dict[str, Any] = {}
    diagnostics: list[Diagnostic] = []
    for entry in entries:
        try:
            if entry.value is not None:
                values[entry.name] = expand(entry.value)
        except ValueError as error:
            diagnostics.append(document.error("E507", str(error), entry.path, "set POD_NAME, or write it otherwise"))
    return Resolved(values, diagnostics)


def build(
    document: Document, manifest: ComponentType, entries: Sequence[Entry], values: Mapping[str, Any], path: Path
) -> tuple[Metadata | None, list[Diagnostic]]:
    """The settings, or what the type's own validators say; a value that could not be had counts as right."""
    try:
        return manifest.metadata.model_validate(values), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    given = {entry.name: entry for entry in entries if entry.is_given}
    whole = given.keys() <= values.keys()
    secret = secret_names(manifest.metadata)
    found: list[Diagnostic] = []
    for detail in details:
        name = str(detail["loc"][0]) if detail["loc"] else ""
        entry = given.get(name)
        if not name and not whole:
            continue  # what is wrong with all of it together, may be right with the value that is not here
        if entry is None:
            found.append(document.error("E205", message_of(detail), path, key=True))
        elif name in values:
            # The validator's words may repeat the value.
            hidden = entry.is_reference or name in secret
            message = f"the value does not fit `{name}`" if hidden else message_of(detail)
            hint = "correct it where it is kept" if entry.is_reference else ""
            found.append(document.error("E205", message, entry.path, hint))
    return None, found


def _built(
    document: Document, manifest: ComponentType, entries: Sequence[Entry], resolved: Resolved, path: Path
) -> Metadata:
    settings, wrong = build(document, manifest, entries, resolved.values, path)
    diagnostics = [*resolved.diagnostics, *wrong]
    if settings is None or diagnostics:
        first = diagnostics[0]
        raise DefinitionError(f"{first.span}: {first.message}", hint=first.hint)
    return settings
