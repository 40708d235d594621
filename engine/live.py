"""The folder is live: sees when its files change, and keeps the last good version of each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from bindings.contract import Clock
from engine.definitions.check import Report, check
from engine.definitions.diagnostic import Severity
from engine.definitions.folder import File, Folder
from engine.definitions.source import Source

LOOK_EVERY = 0.2  # seconds; a change is taken when two looks see the same, so at the latest after twice that

Stamps: TypeAlias = Mapping[str, tuple[int, int, int]]
"""What tells that a file has changed: its time, size and inode, by its path."""


def look(root: Path) -> Stamps:
    """The files below a folder as they are now; hidden folders are left out, and symbolic links are followed."""
    stamps: dict[str, tuple[int, int, int]] = {}
    seen: set[tuple[int, int]] = set()  # so that a loop of links ends
    for folder, folders, files in os.walk(root, followlinks=True):
        status = _status(folder)
        if status is None or (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (os.path.join(folder, name) for name in files):
            if (status := _status(path)) is not None:
                stamps[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return stamps


def _status(path: str) -> os.stat_result | None:
    """None for what vanished while we looked."""
    try:
        return os.stat(path)
    except OSError:
        return None


async def changed(root: Path, since: Stamps, clock: Clock) -> None:
    """Returns when something below the folder has changed and come to rest: when two looks see the same.

    So a file that is still being written is left alone. The folder is looked at and not watched by inotify, so that
    this works on every file system, mounted ones included. While the folder itself is gone, nothing has changed.
    """
    before = None
    while True:
        now = await asyncio.to_thread(look, root)
        if now == before and now != since and await asyncio.to_thread(root.is_dir):
            return
        before = now
        await clock.sleep(LOOK_EVERY)


class LiveFolder:
    """The definitions of a folder through its changes. `fallen_back`: the files of which an older version counts."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Folder | None = None
        self._good: dict[Path, File] = {}
        self._good_schemas: dict[Path, Source] = {}
        self.fallen_back: list[str] = []

    async def load(self, more: Iterable[File] = ()) -> Report:
        """Reads what changed and checks it all, with `more` files that are not on the disk.

        The diagnostics are of the files as they are now; the definitions are those to run: a file with an error counts
        as it was when it last had none.
        """
        folder = self._folder = Folder.load(self._root, self._folder)
        for file in more:
            folder = folder.replace(file.path, file)
        report = await check(folder)
        broken = {d.span.file for d in report.diagnostics if d.severity is Severity.ERROR}
        schemas = {path: source for path, source in report.definitions.schemas.items() if source.shown not in broken}
        self.fallen_back = []
        if not broken:
            self._good, self._good_schemas = dict(folder.files), schemas
            return report
        lost = {path: source for path, source in self._good_schemas.items() if path not in schemas}
        self._good_schemas = lost | schemas
        runs = folder
        for path, file in folder.files.items():
            if file.shown not in broken:
                self._good[path] = file
            elif path in self._good:
                self.fallen_back.append(file.shown)
                runs = runs.replace(path, self._good[path])
            else:  # what never was good takes no name from what runs
                runs = runs.replace(path, file.without(report.refused))
        self._good = {path: file for path, file in self._good.items() if path in folder.files}
        return Report(report.diagnostics, (await check(runs, schemas=lost)).definitions)
