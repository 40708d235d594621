from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bindings.contract import Clock, Context, Received
from bindings.localstorage.folder import File, Folder
from bindings.localstorage.metadata import LocalStorageMetadata
from bindings.localstorage.path import open_root
from bindings.localstorage.references import unwatch, watch
from bindings.objects import Fetched, Habits, ObjectInput, Page, content_type_of, waiting
from bindings.pattern import compile_pattern
from engine.event import Attribute

_log = logging.getLogger("jackfield.localstorage")
_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that RFC 3339 can write


def make_input(metadata: LocalStorageMetadata, context: Context) -> ObjectInput[File]:
    """New and changed files as events."""
    habits = Habits(_scope(context), metadata.poll_interval, metadata.max_inline_size)
    return ObjectInput(LocalFolder(metadata, context.clock), habits, context)


async def peek(metadata: LocalStorageMetadata, context: Context, limit: int) -> Sequence[Received]:
    """What waits, of an input that is not open; a file that is still being written may be among it."""
    folder = LocalFolder(metadata.model_copy(update={"settle_time": 0.0}), context.clock)
    if not await asyncio.to_thread(folder.exists):
        return []
    await folder.page(None)  # what is seen a second time is at rest
    return await waiting(folder, await context.store.marks(_scope(context)), limit)


def _scope(context: Context) -> str:
    return f"localstorage/{context.name}"


class LocalFolder:
    """The folder as a place of objects, all on one page."""

    def __init__(self, metadata: LocalStorageMetadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._is_watching = False
        self._use(Path(metadata.root_path))

    async def open(self) -> None:
        self._use(await asyncio.to_thread(open_root, self._metadata.root_path))
        if not self._is_watching:
            watch(self._root)
            self._is_watching = True

    async def page(self, start: str | None) -> Page[File]:
        return await asyncio.to_thread(self._folder.look, self._clock.now())

    async def fetch(self, versions: Sequence[File]) -> Fetched[File]:
        return await asyncio.to_thread(self._fetch, versions)

    async def finish(self, versions: Sequence[File]) -> Sequence[File]:
        return await asyncio.to_thread(self._delete, versions) if self._metadata.on_done == "delete" else ()

    async def close(self) -> None:
        if self._is_watching:
            unwatch(self._root)
            self._is_watching = False

    def exists(self) -> bool:
        """For who looks at it without opening it, which would make it."""
        self._use(self._root.resolve())
        return self._root.is_dir()

    def _use(self, root: Path) -> None:
        self._root = root
        self._folder = Folder(root, compile_pattern(self._metadata.pattern), self._metadata.settle_time)

    def _fetch(self, files: Sequence[File]) -> Fetched[File]:
        received, unreadable = [], []
        for file in files:
            try:
                received += self._receive(file)
            except (OSError, UnicodeEncodeError) as error:
                _log.warning("%r is left out until it changes: %s", f"{self._root}/{file.key}", error)
                unreadable.append(file)
        return Fetched(received, unreadable)

    def _receive(self, file: File) -> list[Received]:
        """Nothing for a file that went or changed since it was seen."""
        file.key.encode()
        path = self._root / file.key
        try:
            with open(path, "rb", opener=_open_file) as opened:
                data = opened.read(file.size + 1) if file.size <= self._metadata.max_inline_size else None
                return [_message(path, file, data)] if File.of(file.key, os.fstat(opened.fileno())) == file else []
        except FileNotFoundError:
            return []

    def _delete(self, files: Sequence[File]) -> list[File]:
        """Those that need no mark: the file is gone, or changed and thereby new."""
        gone = []
        for file in files:
            path = self._root / file.key
            try:
                if File.of(file.key, path.stat(follow_symlinks=False)) == file:
                    path.unlink()
            except FileNotFoundError:
                pass
            except OSError as error:
                _log.warning("%s is done, but cannot be deleted: %s", path, error)
                continue
            gone.append(file)
        return gone


def _open_file(path: str, flags: int) -> int:
    # What was a file when it was seen may be a link to elsewhere by now, or a pipe that nobody writes to.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _message(path: Path, file: File, data: bytes | None) -> Received:
    modified = _timestamp(file.modified)
    attributes: dict[str, Attribute] = {
        "subject": file.key,
        "time": modified,
        "datacontenttype": content_type_of(file.key),
    }
    if data is None:
        # https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md
        attributes["dataref"] = path.as_uri()
    metadata = {
        "key": file.key,
        "fileName": path.name,
        "path": str(path),
        "size": str(file.size),
        "etag": file.etag,
        "modified": modified,
    }
    return Received(f"{file.key}@{file.etag}", data, attributes, metadata, handle=file)


def _timestamp(seconds: float) -> str:
    return (
        datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
