"""The JSON Schemas (2020-12) of `validate` steps, in files of their own or written in place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from engine.definitions import yaml
from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document, Step
from engine.definitions.source import Source, read_source
from engine.suggest import close_match

_DRAFTS = "https://json-schema.org/"  # jsonschema has them with it
_DATA = frozenset({"const", "enum", "examples", "default"})  # what is below them is no schema


class SchemaFiles:
    """Reads and checks each file once, however many steps name it. `sources`: what was read, and what is `given`, which
    counts whatever is on the disk.
    """

    def __init__(self, given: Mapping[Path, Source]) -> None:
        self.sources: dict[Path, Source] = dict(given)
        self._found: dict[Path, list[Diagnostic]] = {}
        self._loaded: dict[Path, Any] = {}
        self._sound: dict[tuple[Definition, int], Any] = {}

    def check(self, pipeline: Definition) -> Iterator[Diagnostic]:
        """What is wrong with the schemas of one pipeline; errors in a schema file are at their place in that file."""
        steps = pipeline.spec.get("steps")
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            schema = step.get("validate") if isinstance(step, dict) else None
            path = ("spec", "steps", index, "validate")
            found: list[Diagnostic] = []
            if isinstance(schema, str):
                schema, found = self._of_file(pipeline.document, path, schema)
            elif isinstance(schema, dict):
                found = list(_check_schema(pipeline.document, path))
            if not found:
                self._sound[pipeline, index] = schema
            yield from found

    def sound(self, pipeline: Definition, step: int) -> Any:
        """The schema of a step that has been checked; None where there is none, or an error in it."""
        return self._sound.get((pipeline, step))

    def _of_file(self, document: Document, path: Sequence[Step], name: str) -> tuple[Any, list[Diagnostic]]:
        file = schema_path(document, name)
        if file not in self.sources and not os.path.isfile(file):  # unlike Path's, it takes any text
            message = f"{name!r} is a folder" if os.path.isdir(file) else f"there is no file {name!r}"
            return None, [document.error("E508", message, path, _files_near(file))]
        if file not in self._found:
            self._found[file] = list(self._read(file))
        found = self._found[file]
        if not found:
            if file not in self._loaded:
                self._loaded[file] = load_schema(self.sources[file])
            return self._loaded[file], []
        message = f"the schema {name!r} has an error"
        refused = document.error("E303", message, path, related=found[0].span, related_message="the error is here")
        return None, [*found, refused]

    def _read(self, file: Path) -> Iterator[Diagnostic]:
        source = self.sources.get(file) or read_source(file)
        if isinstance(source, Diagnostic):
            yield source
            return
        self.sources[file] = source
        yield from _check_source(source)


def schema_path(document: Document, name: str) -> Path:
    """The file that a `validate` step names: relative to the file of its pipeline."""
    return document.path.parent / name


def load_schema(source: Source) -> Any:
    """The schema of a file that has been checked."""
    if source.path.suffix == ".json":
        return json.loads(source.text)
    return yaml.parse(source)[0][0].value


def _files_near(file: Path) -> str:
    try:
        names = [entry.name for entry in os.scandir(file.parent) if entry.is_file()]
    except OSError:
        return f"there is no folder {file.parent}; a relative path begins at the folder of this file"
    return close_match(file.name, names) or f"it was looked for in {file.parent}"


def _check_source(source: Source) -> Iterator[Diagnostic]:
    if source.path.suffix == ".json":
        try:
            json.loads(source.text)
        except json.JSONDecodeError as error:
            yield source.error("E509", f"this is no JSON: {error.msg}", source.span(error.lineno, error.colno))
            return
        except RecursionError:
            yield source.error("E108", "the file is nested too deeply", source.span(1, 1), "nest it less")
            return
    documents, diagnostics = yaml.parse(source)
    yield from diagnostics
    if len(documents) > 1:
        yield documents[1].error("E509", "a schema is one document, and this is a second one", ())
    elif documents:
        yield from documents[0].diagnostics or _check_schema(documents[0], ())


def _check_schema(document: Document, path: Sequence[Step]) -> Iterator[Diagnostic]:
    schema = document.get(path)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = (*path, *error.absolute_path)
        hint = "see https://json-schema.org/understanding-json-schema"
        yield document.error("E510", f"this is no JSON Schema: {error.message[:300]}", place, hint)
        return
    resource = DRAFT202012.create_resource(schema)
    resolver = Registry[Any]().with_resource("", resource).resolver_with_root(resource)
    yield from _check_references(document, path, schema, resolver)


def _check_references(document: Document, path: Sequence[Step], node: Any, resolver: Any) -> Iterator[Diagnostic]:
    """An error for each `$ref` that leads nowhere: nothing is fetched for a schema."""
    if isinstance(node, dict):
        if isinstance(node.get("$id"), str):
            resolver = resolver.in_subresource(Resource.from_contents(node, DRAFT202012))
        if isinstance(node.get("$ref"), str) and not node["$ref"].startswith(_DRAFTS):
            try:
                resolver.lookup(node["$ref"])
            except Unresolvable:
                message = f"the `$ref` {node['$ref']!r} leads nowhere"
                hint = "put the schema that it names below `$defs` of this one"
                yield document.error("E510", message, (*path, "$ref"), hint)
    for step, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if step not in _DATA:
            yield from _check_references(document, (*path, step), child, resolver)
