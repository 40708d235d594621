"""Looks at a folder: which files are there, and which of them have come to rest."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from engine.errors import NotReady

_log = logging.getLogger("jackfield.localstorage")
_UNFINISHED = (".part", ".tmp")


class File(NamedTuple):
    """One version of a file; they sort as they are given out."""

    modified: int  # nanoseconds since the epoch
    path: str  # relative to the root, with `/` between folders
    size: int

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> File:
        return cls(status.st_mtime_ns, path, status.st_size)

    @property
    def etag(self) -> str:
        return f"{self.modified}-{self.size}"


class Look(NamedTuple):
    at_rest: list[File]  # the oldest first
    gone: list[str]  # paths of marks whose files are no longer there


class Folder:
    """Remembers what it saw in the look before. Its methods block, so they run in a thread."""

    def __init__(self, root: Path, pattern: re.Pattern[str], settle_time: float) -> None:
        self._root = root
        self._pattern = pattern
        self._settle_time = settle_time
        self._since: dict[File, float] = {}
        self._closed: set[str] = set()

    def look(self, now: float, marks: Mapping[str, str]) -> Look:
        """Which files that are not marked came to rest, and which marks have no file any more.

        Raises `NotReady` when the root cannot be read; a folder below it that cannot is left out, and said once.
        """
        closed: set[str] = set()
        files = sorted(self._files(closed))
        before, self._since = self._since, {}
        at_rest = []
        for file in files:
            since = self._since[file] = min(before.get(file, now), now)  # the clock may have been set back
            if file in before and now - since >= self._settle_time and marks.get(file.path) != file.etag:
                at_rest.append(file)
        self._report(closed)
        # The files of a folder that cannot be read now are not gone: without their marks they would all come again.
        paths = {file.path for file in files}
        gone = [path for path in marks if path not in paths and not path.startswith(tuple(closed))]
        return Look(at_rest, gone)

    def _files(self, closed: set[str]) -> Iterator[File]:
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._root / folder) as entries:
                    for entry in entries:
                        path = folder + entry.name
                        if entry.name.startswith(".") or entry.name.endswith(_UNFINISHED):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(f"{path}/")
                        elif entry.is_file(follow_symlinks=False) and self._pattern.fullmatch(path):
                            with suppress(FileNotFoundError):
                                yield File.of(path, entry.stat(follow_symlinks=False))
            except OSError as error:
                if not folder:
                    raise NotReady(f"the folder {self._root} cannot be read: {error.strerror}") from error
                if not isinstance(error, FileNotFoundError):
                    closed.add(folder)

    def _report(self, closed: set[str]) -> None:
        for folder in closed - self._closed:
            _log.warning("%s/%s cannot be read; its files are left out", self._root, folder)
        self._closed = closed
