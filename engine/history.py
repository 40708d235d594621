"""The history of each pipeline: what the revisions that ran were made of, kept in the store."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bindings.contract import Clock
from bindings.store import Store
from engine.definitions.check import Definitions
from engine.definitions.folder import File, Folder, Located
from engine.definitions.pipeline import Pipeline
from engine.definitions.source import Source
from engine.errors import DefinitionError
from engine.revision import parts_of, schemas_of
from engine.suggest import close_match

KEPT = 50  # revisions of a pipeline
_PIPELINES = "revisions"


@dataclass(frozen=True, slots=True)
class Part:
    """A document, or a whole schema file (then `kind` and `name` are empty), as it was written.

    `file` is relative to the definitions folder. Secrets are references here as they are there.
    """

    file: str
    text: str
    kind: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision that ran; `first` and `last`: when it started, in seconds since the epoch."""

    id: str
    first: float
    last: float
    documents: Sequence[Part]
    schemas: Sequence[Part]

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(part.file for part in (*self.documents, *self.schemas)))

    def folder(self, root: Path) -> Folder:
        """The definitions folder as if it held this revision and nothing else."""
        texts: dict[str, list[str]] = defaultdict(list)
        for part in self.documents:
            texts[part.file].append(part.text)
        files = [File.of(self._source(root, file, "\n---\n".join(parts) + "\n")) for file, parts in texts.items()]
        return Folder(root, {file.path: file for file in files})

    def schema_sources(self, root: Path) -> Mapping[Path, Source]:
        return {root / part.file: self._source(root, part.file, part.text) for part in self.schemas}

    def _source(self, root: Path, file: str, text: str) -> Source:
        return Source(root / file, f"{file} of revision {self.id}", text)


class History:
    """Marks of the store: in the scope `revisions/<pipeline>` one for each revision, in `revisions` the pipelines."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def record(self, pipeline: Located[Pipeline], definitions: Definitions, revision: str) -> None:
        """Keeps a revision that starts now, and forgets the oldest beyond the last `KEPT`."""
        name, now = pipeline.model.metadata.name, self._clock.now()
        known = await self.revisions(name)
        first = next((one.first for one in known if one.id == revision), now)
        others = [one for one in known if one.id != revision]
        documents, schemas = _documents(pipeline, definitions), _schemas(pipeline, definitions)
        started = Revision(revision, first, now, documents, schemas)
        await asyncio.gather(  # the store makes one commit of what comes together
            self._store.set_marks(_scope(name), {revision: json.dumps(asdict(started))}),
            self._store.set_marks(_PIPELINES, {name: revision}),
        )
        if forgotten := others[KEPT - 1 :]:
            await self._store.drop_marks(_scope(name), [one.id for one in forgotten])

    async def pipelines(self) -> Collection[str]:
        """The names of all pipelines that ever ran."""
        return await self._store.marks(_PIPELINES)

    async def revisions(self, pipeline: str) -> list[Revision]:
        """Those that are kept, the last started first."""
        kept = [_revision(json.loads(value)) for value in (await self._store.marks(_scope(pipeline))).values()]
        return sorted(kept, key=lambda revision: revision.last, reverse=True)


def _scope(pipeline: str) -> str:
    return f"revisions/{pipeline}"


def _revision(fields: Mapping[str, Any]) -> Revision:
    documents, schemas = ([Part(**part) for part in fields[name]] for name in ("documents", "schemas"))
    return Revision(fields["id"], fields["first"], fields["last"], documents, schemas)


def _documents(pipeline: Located[Pipeline], definitions: Definitions) -> list[Part]:
    parts = []
    for located in parts_of(pipeline, definitions):
        document, model = located.document, located.model
        parts.append(Part(_relative(document.path, definitions), document.text, model.kind, model.metadata.name))
    return list(dict.fromkeys(parts))


def _schemas(pipeline: Located[Pipeline], definitions: Definitions) -> list[Part]:
    parts = (Part(_relative(source.path, definitions), source.text) for source in schemas_of(pipeline, definitions))
    return list(dict.fromkeys(parts))


def _relative(path: Path, definitions: Definitions) -> str:
    """A schema file may be outside of the folder; joined to the folder, the path is the same again."""
    return (path.relative_to(definitions.root) if path.is_relative_to(definitions.root) else path).as_posix()


async def ran(history: History, pipeline: str) -> list[Revision]:
    """As `History.revisions`; raises `DefinitionError` where there are none."""
    revisions = await history.revisions(pipeline)
    if not revisions:
        hint = close_match(pipeline, await history.pipelines()) or "an engine must have run it, with this --store"
        raise DefinitionError(f"there is no revision of a pipeline {pipeline!r}", hint=hint)
    return revisions


def chosen(revisions: Sequence[Revision], pipeline: str, id: str) -> Revision:
    """The one of that id; raises `DefinitionError`."""
    for revision in revisions:
        if revision.id == id:
            return revision
    hint = close_match(id, [one.id for one in revisions]) or f"`jackfield revisions {pipeline}` lists them"
    raise DefinitionError(f"{pipeline} has no revision {id!r}", hint=hint)
