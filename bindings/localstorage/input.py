from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from mimetypes import MimeTypes
from pathlib import Path
from typing import Literal

from bindings.contract import Context, Outcome, Received, Settled
from bindings.localstorage.folder import File, Folder
from bindings.localstorage.metadata import LocalStorageMetadata
from bindings.localstorage.path import open_root
from bindings.localstorage.pattern import compile_pattern
from bindings.localstorage.references import unwatch, watch
from engine.event import Attribute

_log = logging.getLogger("jackfield.localstorage")
_types = MimeTypes()  # those of Python, which are the same on every machine
_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that RFC 3339 can write


class LocalStorageInput:
    """New and changed files as events. Which versions are finished is marked in the store, so that all others are
    given out again."""

    redelivery: Literal["native", "store", "none"] = "native"

    def __init__(self, metadata: LocalStorageMetadata, context: Context) -> None:
        self._metadata = metadata
        self._clock = context.clock
        self._store = context.store
        self._scope = f"localstorage/{context.name}"
        self._marks: dict[str, str] = {}  # path -> etag of the version that needs no attention
        self._in_flight: set[str] = set()  # paths; two versions of a file are never out at once
        self._ready: deque[File] = deque()
        self._released = asyncio.Event()
        self._look_took = 0.0
        self._is_watching = False

    async def open(self) -> None:
        self._root = await asyncio.to_thread(open_root, self._metadata.root_path)
        self._folder = Folder(self._root, compile_pattern(self._metadata.pattern), self._metadata.settle_time)
        self._marks = await self._store.marks(self._scope)
        if not self._is_watching:
            watch(self._root)
            self._is_watching = True
        self._in_flight.clear()  # what a former life gave out and did not settle is given out again
        self._ready.clear()
        await self._look()

    async def read(self, limit: int) -> Sequence[Received]:
        while True:
            while self._ready:
                if received := await self._take(limit):
                    return received
            await self._pause()
            if not self._ready:
                await self._look()

    async def settle(self, settled: Sequence[Settled]) -> None:
        released = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        finished = [one for one in settled if one.outcome is not Outcome.RELEASED]
        marks = {one.received.handle.path: one.received.handle.etag for one in finished}
        if self._metadata.on_done == "delete":
            done = [one.received.handle for one in finished if one.outcome is Outcome.DONE]
            for path in await asyncio.to_thread(self._delete, done):
                del marks[path]
        await self._store.set_marks(self._scope, marks)
        self._marks.update(marks)
        self._in_flight.difference_update(one.received.handle.path for one in settled)
        self._ready.extendleft(reversed(released))
        if released:
            self._released.set()

    async def peek(self, limit: int) -> Sequence[Received]:
        """What waits, of an input that is not open; a file that is still being written may be among it."""
        return await asyncio.to_thread(self._peek, limit, await self._store.marks(self._scope))

    def _peek(self, limit: int, marks: Mapping[str, str]) -> list[Received]:
        self._root = Path(self._metadata.root_path).resolve()
        if not self._root.is_dir():
            return []
        folder, now = Folder(self._root, compile_pattern(self._metadata.pattern), 0.0), self._clock.now()
        folder.look(now, marks)  # what is seen a second time is at rest
        return self._receive_all(folder.look(now, marks).at_rest[:limit])

    async def close(self) -> None:
        if self._is_watching:
            unwatch(self._root)
            self._is_watching = False

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()  # the clock may be set meanwhile
        look = await asyncio.to_thread(self._folder.look, self._clock.now(), dict(self._marks))
        self._look_took = loop.time() - start
        self._ready.extend(look.at_rest)
        if look.gone:
            await self._store.drop_marks(self._scope, look.gone)
            for path in look.gone:
                self._marks.pop(path, None)

    async def _pause(self) -> None:
        """Until it is time for the next look, or a file was given back."""
        # However big the folder is, four fifths of the time are left to others.
        pause = max(self._metadata.poll_interval, 4 * self._look_took)
        self._released.clear()
        waits = [
            asyncio.ensure_future(self._clock.sleep(pause)),
            asyncio.ensure_future(self._released.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _take(self, limit: int) -> Sequence[Received]:
        files: list[File] = []
        while self._ready and len(files) < limit:
            file = self._ready.popleft()
            if file.path not in self._in_flight and self._marks.get(file.path) != file.etag:
                self._in_flight.add(file.path)
                files.append(file)
        received: list[Received] = []
        try:
            received = await asyncio.to_thread(self._receive_all, files)
        except asyncio.CancelledError:
            self._ready.extendleft(reversed(files))
            raise
        finally:
            self._in_flight -= {file.path for file in files} - {one.handle.path for one in received}
        return received

    def _receive_all(self, files: Sequence[File]) -> list[Received]:
        return [received for file in files if (received := self._receive(file))]

    def _receive(self, file: File) -> Received | None:
        """None for a file that went or changed since it was seen (the next look finds it), or cannot be read."""
        try:
            file.path.encode()
            with open(self._root / file.path, "rb", opener=_open_file) as opened:
                data = opened.read(file.size + 1) if file.size <= self._metadata.max_inline_size else None
                if File.of(file.path, os.fstat(opened.fileno())) != file:
                    return None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeEncodeError) as error:
            _log.warning("%r is left out until it changes: %s", f"{self._root}/{file.path}", error)
            self._marks[file.path] = file.etag
            return None
        return _message(self._root / file.path, file, data)

    def _delete(self, files: Sequence[File]) -> list[str]:
        """Paths that need no mark: the file is gone, or changed and thereby new."""
        paths = []
        for file in files:
            path = self._root / file.path
            try:
                if File.of(file.path, path.stat(follow_symlinks=False)) == file:
                    path.unlink()
            except FileNotFoundError:
                pass
            except OSError as error:
                _log.warning("%s is done, but cannot be deleted: %s", path, error)
                continue
            paths.append(file.path)
        return paths


def _open_file(path: str, flags: int) -> int:
    # What was a file when it was seen may be a link to elsewhere by now, or a pipe that nobody writes to.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _message(path: Path, file: File, data: bytes | None) -> Received:
    modified = _timestamp(file.modified)
    attributes: dict[str, Attribute] = {
        "subject": file.path,
        "time": modified,
        "datacontenttype": _content_type(file.path),
    }
    if data is None:
        # https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md
        attributes["dataref"] = path.as_uri()
    metadata = {
        "key": file.path,
        "fileName": path.name,
        "path": str(path),
        "size": str(file.size),
        "etag": file.etag,
        "modified": modified,
    }
    return Received(f"{file.path}@{file.etag}", data, attributes, metadata, handle=file)


def _content_type(path: str) -> str:
    content_type, encoding = _types.guess_type(path)
    return content_type if content_type and not encoding else "application/octet-stream"


def _timestamp(nanoseconds: int) -> str:
    seconds = min(max(nanoseconds / 1e9, 0), _LAST_SECOND)
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
