"""What an error of SQLite means for the engine (https://sqlite.org/rescode.html)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from engine.errors import DefinitionError, JackfieldError, NotReady, Unavailable

BUSY_TIMEOUT = 5.0  # seconds for which a writer waits for the writers of other processes

_PASSING = {
    sqlite3.SQLITE_BUSY: "another process has been writing to it for too long",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
}
_DAMAGED = "it is damaged, or is not a SQLite database"
_LASTING = {
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_READONLY: "it cannot be written",
}
_HINTS = {
    _DAMAGED: "stop the engine and restore it from a backup, or move it and its -wal file away, and a new one is made; "
    "`sqlite3 FILE .recover` may save what is in it"
}


def opening_failure(error: sqlite3.Error, path: Path) -> JackfieldError:
    """What a person has to put right is a `DefinitionError`, what passes by itself `NotReady`."""
    code = _primary_code(error)
    if reason := _LASTING.get(code):
        return DefinitionError(f"{path}: {reason}", hint=_HINTS.get(reason, "check the owner and the permissions"))
    return NotReady(f"{path}: {_PASSING.get(code, error)}")


def failure(error: Exception, path: Path) -> Exception:
    """`Unavailable` for what the file or the disk is to blame for; anything else is a bug and stays as it is."""
    code = _primary_code(error)
    reason = _PASSING.get(code) or _LASTING.get(code)
    if reason is None:
        return error
    hint = f" ({_HINTS[reason]})" if reason in _HINTS else ""
    return Unavailable(f"{path}: {reason}{hint}")


def _primary_code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
