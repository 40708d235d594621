"""The way back: the documents of a revision that ran, put into the definitions folder as it is now."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.definitions.check import Definitions, check
from engine.definitions.diagnostic import Diagnostic, Severity
from engine.definitions.folder import File, Folder
from engine.definitions.source import Source, read_source, shown_path
from engine.errors import DefinitionError
from engine.history import Part, Revision
from engine.revision import parts_of

_GIVEN = ".dapr/"  # what the engine was given, or apps have asked for: in no file


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it is and as it will be; `before` is empty where it is made anew."""

    path: Path
    before: str
    after: str

    @property
    def source(self) -> Source:
        return Source(self.path, shown_path(self.path), self.after)

    def write(self) -> None:
        """Puts the new file in the place of the old one in one step; raises `DefinitionError`."""
        path = Path(os.path.realpath(self.path))
        new = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666
            with open(new, "wb", opener=partial(os.open, mode=mode)) as file:  # never open to more than the old one
                file.write(self.after.encode())
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                new.chmod(mode)
            new.replace(path)
        except OSError as error:
            raise DefinitionError(f"{shown_path(path)} cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Plan:
    """`errors`: why it is refused; `shared`: the other pipelines that use what is changed, and what of it they use."""

    changes: Sequence[Change]
    errors: Sequence[Diagnostic]
    shared: Mapping[str, Sequence[str]]


async def plan(folder: Folder, pipeline: str, revision: Revision) -> Plan:
    """What the way back to a revision changes. Only its own documents are changed in their files; a document that is
    not there any more is put at the end of its file. Secrets are not looked up: the engine may have others.

    Raises `DefinitionError` for a pipeline that an app has asked for.
    """
    changed: set[tuple[str, str]] = set()
    given = [part for part in revision.documents if part.file.startswith(_GIVEN)]
    if any(part.kind != "App" for part in given):
        hint = "what it does is changed in the app"
        raise DefinitionError(f"pipeline {pipeline} is in no file: an app has asked for it", hint=hint)
    for part in given:
        path = folder.root / part.file
        folder = folder.replace(path, File.of(Source(path, part.file, part.text)))
    definitions = list(_files(folder, revision.documents, changed))
    schemas = list(_schemas(folder, revision.schemas))
    after = folder
    for change in definitions:
        after = after.replace(change.path, File.of(change.source))
    now = await check(folder, secrets=False)
    then = await check(after, secrets=False, schemas={change.path: change.source for change in schemas})
    written = {change.source.shown for change in (*definitions, *schemas)}
    errors = [
        error
        for error in then.diagnostics
        if error.severity is Severity.ERROR and (error.span.file in written or error not in now.diagnostics)
    ]
    return Plan([*schemas, *definitions], errors, _shared(then.definitions, pipeline, changed))


def _files(folder: Folder, parts: Sequence[Part], changed: set[tuple[str, str]]) -> Iterator[Change]:
    there = {(one.kind, one.name): one.document for one in folder.definitions}
    replaced: dict[Path, list[tuple[int, int, str]]] = defaultdict(list)
    added: dict[Path, list[str]] = defaultdict(list)
    for part in parts:
        document = there.get((part.kind, part.name))
        if document is None:
            added[folder.root / part.file].append(part.text)
        elif document.text != part.text:
            replaced[document.path].append((*document.extent, part.text))
        else:
            continue
        changed.add((part.kind, part.name))
    for path in sorted({*replaced, *added}):
        before = _text(path)
        yield Change(path, before, _appended(_spliced(before, replaced[path]), added[path]))


def _spliced(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    for start, end, part in sorted(spans, reverse=True):
        before = text[:start]
        if before.rpartition("\n")[2].strip():  # `--- {…}`
            before += "\n"
        text = before + part + text[end:]
    return text


def _appended(text: str, parts: Sequence[str]) -> str:
    before = [text.rstrip("\n")] if text.strip() else []
    return "\n---\n".join([*before, *parts]) + "\n" if parts else text


def _schemas(folder: Folder, parts: Sequence[Part]) -> Iterator[Change]:
    for part in parts:
        path = folder.root / part.file
        if (before := _text(path)) != part.text:
            yield Change(path, before, part.text)


def _text(path: Path) -> str:
    source = read_source(path) if path.exists() else None
    if isinstance(source, Diagnostic):
        raise DefinitionError(f"{source.span}: {source.message}", hint=source.hint)
    return source.text if source is not None else ""


def _shared(definitions: Definitions, pipeline: str, changed: set[tuple[str, str]]) -> dict[str, list[str]]:
    shared = {}
    for name, located in definitions.pipelines.items():
        models = [part.model for part in parts_of(located, definitions)]
        used = {model.metadata.name for model in models if (model.kind, model.metadata.name) in changed}
        if used and name != pipeline:
            shared[name] = sorted(used)
    return shared
