"""The JSON Schemas of all kinds and component types, and their files in schemas/: `make schemas` writes them.

`allOf` stands for what only editors use, above all the names of each component type's metadata; the engine checks
those by the type's manifest (engine/definitions/shape.py), because Dapr's names have no case.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

from bindings.manifest import ComponentType
from engine.definitions.json_schema import Schema, schema_of_model
from engine.definitions.kinds import KINDS
from engine.registry import component_type, component_types

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ANY = "jackfield"


def schema_names() -> list[str]:
    """All names that `schema_of` takes: the kinds, the component types, and `jackfield` for a document of any kind."""
    return [*KINDS, *sorted(component_types()), _ANY]


def schema_of(name: str) -> Schema:
    """The schema of a kind's documents, or of the metadata of a component type as a mapping of names and values."""
    head = {"$schema": _DIALECT, "$id": _file(name)}
    if name == _ANY:
        return {**head, **_any_kind()}
    if name in KINDS:
        return {**head, **schema_of_model(KINDS[name].model, _beyond_pydantic())}
    manifest = component_type(name)
    about = {"title": manifest.name, "description": manifest.summary}
    return {**head, **about, **schema_of_model(manifest.metadata), **about}


def schema_files() -> Iterator[tuple[str, str]]:
    """The path below schemas/ and the content of every file."""
    for name in schema_names():
        folder = "components/" if name in component_types() else ""
        yield f"{folder}{_file(name)}", json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Writes every file below a folder; gives their paths."""
    written = []
    for name, content in schema_files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        written.append(path)
    return written


def drifted_schemas(folder: Path) -> list[Path]:
    """The files that are missing below a folder, differ from what the models say, or belong to no model."""
    expected = {folder / name: content for name, content in schema_files()}
    found = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.json")}
    return sorted(path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path))


def _any_kind() -> Schema:
    names = list(KINDS)
    kind = {"title": "Kind", "description": "What this document defines.", "enum": names, "examples": names}
    return {
        "title": "Jackfield",
        "description": "A document of a definitions folder.",
        "type": "object",
        "properties": {"kind": kind},
        "required": ["apiVersion", "kind"],
        "allOf": [_when("kind", name, {"$ref": _file(name)}) for name in names],
    }


def _beyond_pydantic() -> Mapping[str, Schema]:
    """What the models do not say, by the name of the model."""
    manifests = [component_type(name) for name in sorted(component_types())]
    bindings = [manifest for manifest in manifests if manifest.input or manifest.output]
    return {
        "Step": {"minProperties": 1, "maxProperties": 1},  # `oneOf` would say the same, but its errors help nobody
        "ComponentSpec": {"allOf": _by_type(manifests, lambda one: {"items": {"properties": {"name": _names(one)}}})},
        "InlineBinding": {"allOf": _by_type(bindings, lambda one: {"$ref": f"components/{_file(one.name)}"})},
    }


def _by_type(manifests: Sequence[ComponentType], metadata: Callable[[ComponentType], Schema]) -> list[Schema]:
    known = {"properties": {"type": _suggest([manifest.name for manifest in manifests])}}
    rules = [_when("type", one.name, {"properties": {"metadata": metadata(one)}}) for one in manifests]
    return [known, *rules]


def _names(manifest: ComponentType) -> Schema:
    return _suggest(list(schema_of_model(manifest.metadata)["properties"]))


def _suggest(values: list[str]) -> Schema:
    """Editors offer the values; any other is valid too."""
    return {"anyOf": [{"enum": values}, {"type": "string"}]}


def _when(field: str, value: str, then: Schema) -> Schema:
    return {"if": {"properties": {field: {"const": value}}, "required": [field]}, "then": then}


def _file(name: str) -> str:
    return f"{name.lower()}.schema.json"


def main(arguments: Sequence[str]) -> int:
    """`python -m engine.definitions.schemas [--check]`: writes the files of this repository, or compares them."""
    folder = Path(str(resources.files("schemas")))
    if "--check" not in arguments:
        write_schemas(folder)
        return 0
    paths = drifted_schemas(folder)
    for path in paths:
        print(f"{path}: is not what the models say; run `make schemas`", file=sys.stderr)
    return 1 if paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
