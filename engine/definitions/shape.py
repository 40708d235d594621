"""The shape of documents and of metadata: fields, types, ranges; by the schemas of schemas/ and of the manifests."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, cast

from jsonschema import Draft202012Validator

from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.json_schema import Schema, schema_of_model
from engine.definitions.kinds import KINDS
from engine.definitions.mistakes import Mistake, Path, mistakes
from engine.definitions.model import DaprModel
from engine.definitions.shape_codes import UNKNOWN_FIELD


def validate_document(document: Document, kind: str) -> list[Diagnostic]:
    """What is wrong with the shape of a document of one of the kinds, in the order of the file."""
    validator = _validator_of_kind(kind)
    value = without_empty(document.value) if issubclass(KINDS[kind].model, DaprModel) else document.value
    found = mistakes(validator.iter_errors(value), _schema_of(validator), f"this {kind}")
    return _in_order(_diagnostic(document, mistake, mistake.path, mistake.at_key) for mistake in found)


def validate_metadata(
    document: Document,
    manifest: ComponentType,
    values: Mapping[str, Any],
    places: Mapping[str, Path],
    at: Path,
) -> list[Diagnostic]:
    """What is wrong with the shape of a component's metadata.

    `values` go by the names of the manifest; `places` has the path of each value in the document, also of one that is
    not known yet (a secret), which counts as given. `at` is the path of the metadata as a whole.
    """
    validator = _validator_of_metadata(manifest.metadata)
    given = {**dict.fromkeys(places), **values}
    unseen = places.keys() - values.keys()
    found = mistakes(validator.iter_errors(given), _schema_of(validator), manifest.name)
    return _in_order(
        _diagnostic(document, mistake, *_place(mistake, places, at))
        for mistake in found
        if mistake.code == UNKNOWN_FIELD or not unseen.intersection(mistake.path[:1])
    )


def _place(mistake: Mistake, places: Mapping[str, Path], at: Path) -> tuple[Path, bool]:
    """Where a mistake in metadata is in the document, and whether it is the key there."""
    if not mistake.path:
        return at, True
    place, rest = places[str(mistake.path[0])], mistake.path[1:]
    if mistake.at_key and not rest and isinstance(place[-2], int):
        return (*place[:-1], "name"), False  # an entry of a Dapr list: its field's name is a value
    return (*place, *rest), mistake.at_key


def _diagnostic(document: Document, mistake: Mistake, path: Path, at_key: bool) -> Diagnostic:
    return document.error(mistake.code, mistake.message, path, mistake.hint, key=at_key)


def _in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    return sorted(diagnostics, key=lambda diagnostic: diagnostic.span)


@functools.cache
def _validator_of_kind(kind: str) -> Draft202012Validator:
    text = resources.files("schemas").joinpath(f"{kind.lower()}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(_without_editor_part(json.loads(text)))


@functools.cache
def _validator_of_metadata(model: type[Metadata]) -> Draft202012Validator:
    return Draft202012Validator(schema_of_model(model))


def _schema_of(validator: Draft202012Validator) -> Schema:
    return cast(Schema, validator.schema)


def _without_editor_part(node: Any) -> Any:
    """Without `allOf`: it is for editors, and too strict (engine/definitions/schemas.py)."""
    if isinstance(node, list):
        return [_without_editor_part(item) for item in node]
    if isinstance(node, dict):
        return {key: _without_editor_part(value) for key, value in node.items() if key != "allOf"}
    return node


def without_empty(value: Any) -> Any:
    """Without the fields that have no value: in Dapr's files, as in all of Kubernetes, they are as good as absent."""
    if isinstance(value, dict):
        return {key: without_empty(item) for key, item in value.items() if item is not None}
    return [without_empty(item) for item in value] if isinstance(value, list) else value
