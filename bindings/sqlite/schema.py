"""The tables, by version: `PRAGMA user_version` says how many of the migrations a file has seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from engine.errors import DefinitionError

# A row of `messages` is written once and deleted once, whatever its size; what changes while a message is on its way
# is in its small row of `claims`. No claim: the message was never given out, and may be at once. `visible_at` is
# when it may be given out (again), `deliveries` how often it was. `seq` is never used twice, so that the pair of
# `seq` and `deliveries` tells one delivery from every other.
_QUEUES = (
    """
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        id TEXT NOT NULL,
        data BLOB,
        attributes TEXT NOT NULL,
        metadata TEXT NOT NULL,
        UNIQUE (queue, id)
    )
    """,
    "CREATE INDEX messages_in_order ON messages (queue, seq)",
    """
    CREATE TABLE claims (
        seq INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
        queue TEXT NOT NULL,
        visible_at REAL NOT NULL,
        deliveries INTEGER NOT NULL
    )
    """,
    "CREATE INDEX claims_by_time ON claims (queue, visible_at)",
)
_STORE = (
    "CREATE TABLE marks (scope TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (scope, key)) WITHOUT ROWID",
    """
    CREATE TABLE dead_letters (
        id TEXT NOT NULL PRIMARY KEY,
        pipeline TEXT NOT NULL,
        revision TEXT NOT NULL,
        stage TEXT NOT NULL,
        event TEXT NOT NULL,
        event_data BLOB,
        origin TEXT NOT NULL,
        origin_data BLOB,
        metadata TEXT NOT NULL,
        error TEXT NOT NULL,
        status INTEGER,
        body BLOB,
        attempts INTEGER NOT NULL,
        time REAL NOT NULL
    )
    """,
    "CREATE INDEX dead_letters_by_pipeline ON dead_letters (pipeline, id)",
)
# `committed_at` is NULL while a key is only claimed. A key is as old as its commit, or else its claim.
_LEDGER = (
    """
    CREATE TABLE ledger (
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        committed_at REAL,
        PRIMARY KEY (scope, key)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX ledger_by_age ON ledger (scope, coalesce(committed_at, claimed_at))",
    "CREATE INDEX dead_letters_by_time ON dead_letters (time)",
)
_KEYS = (
    "ALTER TABLE dead_letters ADD COLUMN key TEXT",
    "CREATE INDEX dead_letters_by_key ON dead_letters (pipeline, key, id) WHERE key IS NOT NULL",
)
_MIGRATIONS: Sequence[Sequence[str]] = ((*_QUEUES, *_STORE), _LEDGER, _KEYS)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Brings a file up to date; raises `DefinitionError` for one of a later Jackfield."""
    connection.execute("BEGIN IMMEDIATE")
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise DefinitionError(
            f"{path} was written by a later version of Jackfield",
            hint="install that version again, or use another file",
        )
    for migration in _MIGRATIONS[version:]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")
