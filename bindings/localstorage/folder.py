"""Looks at a folder: which files are there, and which of them have come to rest."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bindings.objects import Page
from engine.errors import NotReady

_log = logging.getLogger("jackfield.localstorage")
_UNFINISHED = (".part", ".tmp")


class File(NamedTuple):
    """One version of a file; they sort as they are given out."""

    modified_ns: int  # since the epoch
    key: str  # the path relative to the root, with `/` between folders
    size: int

    @classmethod
    def of(cls, key: str, status: os.stat_result) -> File:
        return cls(status.st_mtime_ns, key, status.st_size)

    @property
    def etag(self) -> str:
        return f"{self.modified_ns}-{self.size}"

    @property
    def modified(self) -> float:
        return self.modified_ns / 1e9


class Folder:
    """Remembers what it saw in the look before. Its methods block, so they run in a thread."""

    def __init__(self, root: Path, pattern: re.Pattern[str], settle_time: float) -> None:
        self._root = root
        self._pattern = pattern
        self._settle_time = settle_time
        self._since: dict[File, float] = {}
        self._closed: set[str] = set()

    def look(self, now: float) -> Page[File]:
        """The files that came to rest, the oldest first.

        Raises `NotReady` when the root cannot be read; a folder below it that cannot is left out, and said once.
        """
        closed: set[str] = set()
        files = sorted(self._files(closed))
        before, self._since = self._since, {}
        at_rest = []
        for file in files:
            since = self._since[file] = min(before.get(file, now), now)  # the clock may have been set back
            if file in before and now - since >= self._settle_time:
                at_rest.append(file)
        self._report(closed)
        return Page(at_rest, {file.key for file in files}, closed=tuple(closed))

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
