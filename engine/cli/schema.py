"""`jackfield schema`: prints a JSON Schema, or writes them all."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from engine.errors import DefinitionError

EXAMPLE = "jackfield schema pipeline > pipeline.schema.json"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a kind, a component type, or `jackfield` for all kinds in one"
    )
    parser.add_argument("--write", type=Path, metavar="DIR", help="write the schema files of all into a folder")


def run(arguments: argparse.Namespace) -> int:
    if arguments.write:
        return _write(arguments.write)
    if arguments.name:
        return _print(arguments.name)
    return _list()


def _write(folder: Path) -> int:
    from engine.definitions.schemas import write_schemas

    try:
        written = write_schemas(folder)
    except OSError as error:
        raise DefinitionError(f"{error.filename} cannot be written: {error.strerror}") from error
    print(f"{len(written)} schemas are in {folder}; begin a definition with")
    print(f"# yaml-language-server: $schema={folder.resolve() / 'jackfield.schema.json'}")
    return 0


def _print(name: str) -> int:
    from engine.definitions.schemas import schema_names, schema_of
    from engine.suggest import close_match

    known = {known.lower(): known for known in schema_names()}
    if name.lower() not in known:
        hint = close_match(name, known.values()) or "`jackfield schema` lists the schemas"
        raise DefinitionError(f"there is no schema of {name!r}", hint=hint)
    print(json.dumps(schema_of(known[name.lower()]), indent=2, ensure_ascii=False))
    return 0


def _list() -> int:
    from engine.definitions.schemas import schema_names

    print("\n".join(schema_names()))
    return 0
