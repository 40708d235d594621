"""The definitions folder: every YAML file below a root, each parsed once for each time that it changes."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from engine.definitions import yaml
from engine.definitions.definition import Definition, understand
from engine.definitions.diagnostic import Diagnostic, Span
from engine.definitions.document import Document
from engine.definitions.model import Model
from engine.definitions.source import Source, Stamp, read_source, shown_path, stamp_of
from engine.errors import DefinitionError

M = TypeVar("M", bound=Model)

SUFFIXES = (".yaml", ".yml")
_NAME = re.compile(r"^metadata: *(?:\{[^}\n]*?\bname:|\n(?: .*\n)*? +name:) *[\"']?([\w.-]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Located(Generic[M]):
    """A model without errors, and the document that it was made from."""

    model: M
    document: Document


@dataclass(frozen=True, slots=True)
class File:
    """One file as it was read. `diagnostics` are of the file as a whole; each definition has its own. `stamp` is None
    for one that could not be read, and may be readable the next time without a change of the file.

    `lost_names`: what could be read of the names in a text that is no YAML, so that what refers to them
    is not told that they do not exist.
    """

    path: Path
    shown: str
    stamp: Stamp | None
    definitions: Sequence[Definition] = ()
    diagnostics: Sequence[Diagnostic] = ()
    lost_names: Mapping[str, Span] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, previous: File | None = None) -> File:
        """Reads a file, unless it is as it was; a file that cannot be read has a diagnostic that says why."""
        stamp = stamp_of(path)
        if previous is not None and stamp is not None and stamp == previous.stamp:
            return previous
        source = read_source(path)
        if isinstance(source, Diagnostic):
            return cls(path, source.span.file, None, diagnostics=(source,))
        return cls.of(source, stamp)

    @classmethod
    def of(cls, source: Source, stamp: Stamp | None = None) -> File:
        """A file of this text, whether it is on the disk or not."""
        documents, diagnostics = yaml.parse(source)
        definitions = tuple(understand(document) for document in documents)
        lost = _lost_names(source, definitions) if diagnostics else {}
        return cls(source.path, source.shown, stamp, definitions, diagnostics, lost)

    def without(self, refused: Container[Definition]) -> File:
        """The file without some of its definitions."""
        return replace(self, definitions=[kept for kept in self.definitions if kept not in refused])


@dataclass(frozen=True, slots=True)
class Folder:
    """`files` are sorted by their path."""

    root: Path
    files: Mapping[Path, File]
    diagnostics: Sequence[Diagnostic] = ()

    @classmethod
    def load(cls, root: Path, previous: Folder | None = None) -> Folder:
        """Reads all files below `root`; raises `DefinitionError` when that is no folder. Hidden names are skipped."""
        if not root.is_dir():
            problem = "is not a folder" if root.exists() else "does not exist"
            raise DefinitionError(f"the folder {shown_path(root)} {problem}", hint="`jackfield init` makes one")
        diagnostics: list[Diagnostic] = []
        known = previous.files if previous is not None else {}
        files = {path: File.load(path, known.get(path)) for path in sorted(_walk(root, diagnostics))}
        return cls(root, files, diagnostics)

    def replace(self, path: Path, file: File | None) -> Folder:
        """The same folder with one file read anew, or without it."""
        files = {known: kept for known, kept in self.files.items() if known != path}
        if file is not None:
            files = dict(sorted({**files, path: file}.items()))
        return replace(self, files=files)

    @property
    def definitions(self) -> Iterator[Definition]:
        return (definition for file in self.files.values() for definition in file.definitions)


def _walk(root: Path, diagnostics: list[Diagnostic]) -> Iterator[Path]:
    """Follows symbolic links, and reads each folder once, so that a loop of links ends."""
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(root)]
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            source = Source(Path(folder), shown_path(Path(folder)), "")
            message = f"the folder cannot be read: {error.strerror}"
            diagnostics.append(source.error("E101", message, source.span(1, 1), "see its owner and its rights"))
            continue
        waiting += reversed([entry.path for entry in visible if entry.is_dir()])
        yield from (Path(e.path) for e in visible if e.name.endswith(SUFFIXES) and not e.is_dir())


def _lost_names(source: Source, definitions: Sequence[Definition]) -> dict[str, Span]:
    known = {definition.name for definition in definitions}
    found = ((match[1], source.span_at(match.start(1), len(match[1]))) for match in _NAME.finditer(source.text))
    return {name: span for name, span in found if name not in known}
