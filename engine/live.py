"""The folder is live: sees when its files change, and keeps the last good version of each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from bindings.contract import Clock
from engine.definitions.check import Report, check
from engine.definitions.diagnostic import Severity
from engine.definitions.folder import File, Folder

LOOK_EVERY = 0.2  # seconds; a change is taken when two looks see the same, so at the latest after twice that

Stamps: TypeAlias = Mapping[str, tuple[int, int, int]]
"""What tells that a file has changed: its time, size and inode, by its path."""


def look(root: Path) -> Stamps:
    """The files below a folder as they are now; hidden folders are left out."""
    stamps: dict[str, tuple[int, int, int]] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = os.path.join(folder, name)
            try:
                status = os.stat(path)
            except OSError:
                continue  # it vanished while we looked
            stamps[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return stamps


async def changed(root: Path, since: Stamps, clock: Clock) -> None:
    """Returns when something below the folder has changed and come to rest: when two looks see the same.

    So a file that is still being written is left alone. The folder is looked at and not watched by inotify, so that
    this works on every file system, mounted ones included.
    """
    before = None
    while True:
        now = await asyncio.to_thread(look, root)
        if now == before and now != since:
            return
        before = now
        await clock.sleep(LOOK_EVERY)


class LiveFolder:
    """The definitions of a folder through its changes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Folder | None = None
        self._good: dict[Path, File] = {}

    async def load(self) -> Report:
        """Reads what changed and checks it all. The diagnostics are of the files as they are now; the definitions
        are those to run: a file with an error counts as it was when it last had none.
        """
        folder = self._folder = Folder.load(self._root, self._folder)
        report = await check(folder)
        broken = {d.span.file for d in report.diagnostics if d.severity is Severity.ERROR}
        if not broken:
            self._good = dict(folder.files)
            return report
        runs = folder
        for path, file in folder.files.items():
            if file.shown not in broken:
                self._good[path] = file
            else:
                # What never was good takes no name from what runs.
                runs = runs.replace(path, self._good.get(path) or file.without(report.refused))
        self._good = {path: file for path, file in self._good.items() if path in folder.files}
        return Report(report.diagnostics, (await check(runs)).definitions)
