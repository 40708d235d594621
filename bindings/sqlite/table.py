"""Dapr's table of state in a SQLite file (components-contrib, state/sqlite). All runs in a transaction of its caller.

Times are texts in UTC, which sort as they are: Dapr's to the second, ours to the millisecond.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from bindings.contract import Change, EtagMismatch, Item
from engine.errors import EventError, Permanent

_MOST_KEYS = 500  # of one statement; SQLite has a limit for its parameters
_METADATA = "CREATE TABLE IF NOT EXISTS {metadata} (key text NOT NULL PRIMARY KEY, value text NOT NULL)"
_MIGRATIONS: Sequence[str] = (
    """
    CREATE TABLE IF NOT EXISTS {table} (
        key TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL,
        is_binary BOOLEAN NOT NULL,
        etag TEXT NOT NULL,
        expiration_time TIMESTAMP DEFAULT NULL,
        update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
    )
    """,
)


class StateTable:
    def __init__(self, name: str, metadata_name: str) -> None:
        self._table = f'"{name}"'
        self._metadata = f'"{metadata_name}"'

    def migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute(_METADATA.format(metadata=self._metadata))
        level = f"SELECT value FROM {self._metadata} WHERE key = 'migrations'"
        row = connection.execute(level).fetchone()
        done = int(row[0]) if row else 0
        for number, migration in enumerate(_MIGRATIONS[done:], start=done + 1):
            connection.execute(migration.format(table=self._table))
            connection.execute(f"REPLACE INTO {self._metadata} (key, value) VALUES ('migrations', ?)", (str(number),))

    def get(self, connection: sqlite3.Connection, keys: Sequence[str], now: float) -> dict[str, Item]:
        found = {}
        for start in range(0, len(keys), _MOST_KEYS):
            some = keys[start : start + _MOST_KEYS]
            select = (
                f"SELECT key, value, is_binary, etag, expiration_time FROM {self._table} WHERE key IN "
                f"({','.join('?' * len(some))}) AND (expiration_time IS NULL OR expiration_time > ?)"
            )
            for key, value, binary, etag, expires in connection.execute(select, (*some, _time(now))):
                data = base64.b64decode(value) if binary else value.encode()
                found[key] = Item(data, etag, _seconds(expires))
        return found

    def write(self, connection: sqlite3.Connection, changes: Sequence[Change], now: float) -> list[EventError | None]:
        return [self._write(connection, change, now) for change in changes]

    def transact(self, connection: sqlite3.Connection, changes: Sequence[Change], now: float) -> EventError | None:
        """All, or none and the error."""
        connection.execute("SAVEPOINT changes")
        for change in changes:
            error = self._write(connection, change, now)
            if error is not None:
                connection.execute("ROLLBACK TO changes")
                return error
        connection.execute("RELEASE changes")
        return None

    def sweep(self, connection: sqlite3.Connection, now: float, seconds: float) -> None:
        """Deletes what has expired, unless another process has done it less than `seconds` ago."""
        take_turn = f"""
            INSERT INTO {self._metadata} (key, value) VALUES ('last-cleanup', :now)
            ON CONFLICT (key) DO UPDATE SET value = :now
            WHERE (julianday(:now) - julianday(value)) * 86400 > :seconds - 0.1
        """
        if connection.execute(take_turn, {"now": _time(now), "seconds": seconds}).rowcount:
            connection.execute(f"DELETE FROM {self._table} WHERE expiration_time <= ?", (_time(now),))

    def _write(self, connection: sqlite3.Connection, change: Change, now: float) -> EventError | None:
        live = "(expiration_time IS NULL OR expiration_time > :now)"
        parameters = {"key": change.key, "now": _time(now), "old": change.etag, **_columns(change, now)}
        if change.value is None:
            same = f" AND etag = :old AND {live}" if change.etag is not None else ""
            statement = f"DELETE FROM {self._table} WHERE key = :key{same}"
        elif change.etag is not None:
            statement = f"""
                UPDATE {self._table} SET value = :value, is_binary = :binary, etag = :etag,
                    update_time = CURRENT_TIMESTAMP, expiration_time = :expires
                WHERE key = :key AND etag = :old AND {live}
            """
        else:
            taken = f"SELECT 1 FROM {self._table} WHERE key = :key AND {live}"
            statement = f"""
                INSERT OR REPLACE INTO {self._table} (key, value, is_binary, etag, update_time, expiration_time)
                SELECT :key, :value, :binary, :etag, CURRENT_TIMESTAMP, :expires
                {f"WHERE NOT EXISTS ({taken})" if change.first_write else ""}
            """
        try:
            changed = connection.execute(statement, parameters).rowcount
        except UnicodeEncodeError:
            return Permanent(f"the key {change.key!r} is no text that SQLite can hold")
        return _refusal(change) if changed == 0 else None


def _columns(change: Change, now: float) -> dict[str, str | int | None]:
    text = _json_text(change.value)
    return {
        "value": base64.b64encode(change.value or b"").decode() if text is None else text,
        "binary": text is None,
        "etag": str(uuid4()),
        "expires": _time(now + change.ttl) if change.ttl is not None else None,
    }


def _refusal(change: Change) -> EtagMismatch | None:
    """What it means that nothing was changed."""
    if change.etag is not None:
        return EtagMismatch(f"the value of {change.key!r} has changed: its etag is not {change.etag!r}")
    return EtagMismatch(f"{change.key!r} has a value already") if change.value is not None else None


def _json_text(value: bytes | None) -> str | None:
    """The value as the text that it is, if that is JSON."""
    try:
        json.loads(value or b"", parse_constant=_refuse)
        return (value or b"").decode()
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> None:
    raise ValueError(name)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
