"""The definitions folder as the editor has it: the files of the disk, and over them what is not saved yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.definitions.check import check
from engine.definitions.diagnostic import Diagnostic, Span
from engine.definitions.folder import File, Folder
from engine.definitions.source import Source, read_source, shown_path


@dataclass(frozen=True, slots=True)
class Named:
    """A document that has a name: its kind, what it is of (a component's type, an app's address), and where it is."""

    kind: str
    name: str
    about: str
    description: str
    span: Span
    path: Path


class Project:
    """Only what changes is read again; a file that cannot be parsed keeps the names of when it could."""

    def __init__(self, root: Path, secrets: bool) -> None:
        self.root = root
        self._secrets = secrets
        self._buffers: dict[Path, Source] = {}
        self._folder = Folder(root, {})
        self._names: dict[Path, list[Named]] = {}

    def reload(self) -> None:
        """Looks at the disk again; raises `DefinitionError` when the folder is gone."""
        self._folder = Folder.load(self.root, self._folder)
        for path, source in self._buffers.items():
            self._folder = self._folder.replace(path, File.of(source))
        self._names = {path: names for path, names in self._names.items() if path in self._folder.files}
        for file in self._folder.files.values():
            self._note_names(file)

    def edit(self, path: Path, text: str) -> None:
        """What the editor has in place of the file."""
        source = self._buffers[path] = Source(path, shown_path(path), text)
        file = File.of(source)
        self._folder = self._folder.replace(path, file)
        self._note_names(file)

    def close(self, path: Path) -> None:
        """The file of the disk counts again."""
        self._buffers.pop(path, None)
        file = File.load(path) if path.exists() else None
        self._folder = self._folder.replace(path, file)

    async def check(self) -> Mapping[Path, Sequence[Diagnostic]]:
        """All diagnostics, as `jackfield check` gives them, by file."""
        report = await check(self._folder, secrets=self._secrets)
        paths = {file.shown: path for path, file in self._folder.files.items()}
        found: dict[Path, list[Diagnostic]] = {}
        for diagnostic in report.diagnostics:
            path = paths.get(diagnostic.span.file)
            if path is not None:
                found.setdefault(path, []).append(diagnostic)
        return found

    def path_of(self, span: Span) -> Path:
        """The file that a place is in."""
        return next((path for path, file in self._folder.files.items() if file.shown == span.file), Path(span.file))

    def text_of(self, path: Path) -> str:
        """As the editor has it, or else the disk; empty when it cannot be read."""
        source = self._buffers.get(path) or read_source(path)
        return source.text if isinstance(source, Source) else ""

    def named(self, kind: str) -> Iterator[Named]:
        """All documents of a kind, in the order of the files."""
        return (one for names in self._names.values() for one in names if one.kind == kind)

    def find(self, kind: str, name: str) -> Named | None:
        return next((one for one in self.named(kind) if one.name == name), None)

    def _note_names(self, file: File) -> None:
        names = [
            Named(
                definition.kind,
                definition.name,
                str(definition.spec.get("type") or definition.spec.get("url") or ""),
                str(definition.document.get(("metadata", "description")) or ""),
                definition.document.span(("metadata", "name")),
                file.path,
            )
            for definition in file.definitions
            if definition.name
        ]
        if file.diagnostics:
            known = {(one.kind, one.name) for one in names}
            names += [one for one in self._names.get(file.path, ()) if (one.kind, one.name) not in known]
        self._names[file.path] = names
