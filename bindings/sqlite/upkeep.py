"""What a file holds, and a copy of it."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from bindings.sqlite.failure import opening_failure
from engine.errors import DefinitionError

_ROWS = {
    "dead letters": "SELECT count(*) FROM dead_letters",
    "deduplication keys": "SELECT count(*) FROM ledger",
    "marks": "SELECT count(*) FROM marks",
}


def stats(connection: sqlite3.Connection, path: Path) -> Mapping[str, int]:
    held = {name: int(connection.execute(count).fetchone()[0]) for name, count in _ROWS.items()}
    messages: Counter[str] = Counter()
    for queue, number in connection.execute("SELECT queue, count(*) FROM messages GROUP BY queue"):
        messages[_kind(queue)] += number
    files = (path, path.with_name(path.name + "-wal"))
    size = sum(file.stat().st_size for file in files if file.exists())
    return {**held, **{f"{kind} messages": messages[kind] for kind in sorted(messages)}, "file bytes": size}


def _kind(queue: str) -> str:
    if queue.startswith("store/replay/"):
        return "replayed"
    return "spooled" if queue.startswith("store/") else "local queue"


def copy(connection: sqlite3.Connection, target: Path) -> None:
    """All in one step: in WAL mode a reader has a snapshot and holds up no writer, and nothing makes it begin anew.

    Only a whole copy gets the name `target`.
    """
    if target.exists():
        raise DefinitionError(f"{target} exists already", hint="name a file that does not")
    part = target.with_name(target.name + ".part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600))
        try:
            with closing(sqlite3.connect(part)) as copied:
                connection.backup(copied)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise DefinitionError(f"{target} cannot be made: {error.strerror}", hint="choose another folder") from error
    except sqlite3.Error as error:
        raise opening_failure(error, target) from error
