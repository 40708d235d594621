from __future__ import annotations

import sqlite3
from pathlib import Path

from bindings.sqlite.schema import migrate
from bindings.sqlite.store import SqliteStore
from engine.clock import VirtualClock

# A file as the first version wrote it: the statements are copied, because those of the source may move on.
VERSION_1 = """
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL, data BLOB,
    attributes TEXT NOT NULL, metadata TEXT NOT NULL, UNIQUE (queue, id)
);
CREATE INDEX messages_in_order ON messages (queue, seq);
CREATE TABLE claims (
    seq INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    queue TEXT NOT NULL, visible_at REAL NOT NULL, deliveries INTEGER NOT NULL
);
CREATE INDEX claims_by_time ON claims (queue, visible_at);
CREATE TABLE marks (scope TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE dead_letters (
    id TEXT NOT NULL PRIMARY KEY, pipeline TEXT NOT NULL, revision TEXT NOT NULL, stage TEXT NOT NULL,
    event TEXT NOT NULL, event_data BLOB, origin TEXT NOT NULL, origin_data BLOB, metadata TEXT NOT NULL,
    error TEXT NOT NULL, status INTEGER, body BLOB, attempts INTEGER NOT NULL, time REAL NOT NULL
);
CREATE INDEX dead_letters_by_pipeline ON dead_letters (pipeline, id);
PRAGMA user_version = 1;
INSERT INTO marks VALUES ('cron', 'tick', '7');
INSERT INTO messages VALUES (1, 'store/spool', 'm', x'00', '{}', '{}');
INSERT INTO dead_letters VALUES
    ('l', 'orders', 'r', 's', '{"id": "e"}', NULL, '{"id": "e"}', NULL, '{}', 'no', NULL, NULL, 1, 2.5);
"""


async def test_file_of_version_1_keeps_all_and_gets_the_ledger(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "store.db")
    old.executescript(VERSION_1)
    old.close()
    store = SqliteStore(f"sqlite:{tmp_path}/store.db", VirtualClock())
    await store.open()
    assert await store.marks("cron") == {"tick": "7"}
    assert [message.id for message in await store.queue("spool").read(10)] == ["m"]
    assert [letter.id for letter in await store.dead_letters()] == ["l"]
    await store.commit("s", ["a"], now=1.0)
    assert await store.claim("s", ["a"], now=1.0, since=0.0) == [True]
    await store.close()


def test_file_that_was_migrated_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    def schema(connection: sqlite3.Connection) -> list[str]:
        migrate(connection, tmp_path)
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        return ["".join(sql.split()) for (sql,) in rows]

    new = sqlite3.connect(":memory:", isolation_level=None)
    old = sqlite3.connect(":memory:", isolation_level=None)
    old.executescript(VERSION_1)
    assert schema(old) == schema(new)
    assert old.execute("PRAGMA user_version").fetchone() == new.execute("PRAGMA user_version").fetchone()
    old.close()
    new.close()
