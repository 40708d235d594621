from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from bindings.sqlite.failure import BUSY_TIMEOUT, opening_failure
from bindings.sqlite.schema import migrate
from engine.errors import DefinitionError


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that is made, with its folder, when it is missing; transactions are begun by hand.

    Raises `DefinitionError` when the file cannot be used, and `NotReady` when it can be later.
    """
    create_file(path)
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
    except sqlite3.Error as error:
        raise opening_failure(error, path) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")  # also the journal of a statement, which a batch is
        migrate(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise opening_failure(error, path) from error
        raise
    return connection


def create_file(path: Path) -> None:
    """The file holds the data of events, so it is made for its owner only; SQLite gives its -wal the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        # An existing file is not even opened: closing it would drop the locks that SQLite holds in this process.
        if not path.is_file():
            raise DefinitionError(
                f"{path} cannot be made: {error.strerror}", hint="choose a path in a folder that can be written"
            ) from error
