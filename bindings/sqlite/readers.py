from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path


class Readers:
    """The processes that read queues of one file hold a shared lock beside it, which the system drops when they die.

    Who gets it alone knows that no other reader lives, so that whatever is claimed was claimed by the dead: an engine
    that comes back after `kill -9` does not wait for those claims to expire.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._lock: int | None = None

    def join(self, connection: sqlite3.Connection) -> None:
        if self._lock is None:
            self._lock = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # the claims of the dead among us expire
        else:
            connection.execute("UPDATE claims SET visible_at = 0 WHERE visible_at > 0 AND deliveries > 0")
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def leave(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
