"""The disk of the store: a small one of its own that gets full, or, where none can be mounted, a limit on its files."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_SIZE = 256 * 2**20
_SMALL = 4096  # bytes; every file of SQLite is larger


class Disk(Protocol):
    how: str

    def fill(self, process: int) -> None: ...  # the process that is to find it full
    def free(self, process: int) -> None: ...


class SmallDisk:
    """SQLite gets ENOSPC, and says SQLITE_FULL."""

    how = f"a tmpfs of {_SIZE >> 20} MB, filled to its last block"

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, process: int) -> None:
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(2**16)):
                pass

    def free(self, process: int) -> None:
        self._ballast.unlink(missing_ok=True)


class SmallFiles:
    """SQLite gets EFBIG, and says SQLITE_IOERR."""

    how = "a limit on the size of the engine's files (RLIMIT_FSIZE): nothing could be mounted"

    def fill(self, process: int) -> None:
        self._limit(process, _SMALL)

    def free(self, process: int) -> None:
        self._limit(process, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(process: int, size: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (size if most < 0 else min(size, most), most))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """The folder, with a disk of its own if this process may mount one."""
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "jackfield-chaos", str(folder)]
    try:
        done = subprocess.run(mounted, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        done = False
    try:
        yield SmallDisk(folder) if done else SmallFiles()
    finally:
        if done:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
