from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bindings.sqlite.insert import insert
from bindings.store import DeadLetter, LetterQuery
from engine.event import Event

# The columns in the order of the table.
_PAGE = "SELECT * FROM dead_letters WHERE id > :after AND {} ORDER BY id LIMIT :limit"
_GET = "SELECT * FROM dead_letters WHERE id = ?"
_REMOVE = "DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))"
_COUNT = "SELECT count(*) FROM dead_letters WHERE {}"
_CHANGE = """
    UPDATE dead_letters SET event = :event, event_data = :event_data, origin = :origin, origin_data = :origin_data
    WHERE id = :id
"""
_CONDITIONS = {  # by the fields of a `LetterQuery`
    "pipeline": "pipeline = :pipeline",
    "since": "time >= :since",
    "until": "time < :until",
    "error": "instr(casefold(error), casefold(:error))",
    "key": "key = :key",
}


def add(connection: sqlite3.Connection, letters: Sequence[DeadLetter]) -> None:
    """A letter that is there already is left out: it was added by an attempt that seemed to fail."""
    insert(connection, "dead_letters", [_row(letter) for letter in letters], "ON CONFLICT DO NOTHING")


def page(connection: sqlite3.Connection, which: LetterQuery, after: str, limit: int) -> list[DeadLetter]:
    where, parameters = _conditions(connection, which)
    rows = connection.execute(_PAGE.format(where), {**parameters, "after": after, "limit": limit})
    return [_letter(row) for row in rows]


def get(connection: sqlite3.Connection, id: str) -> DeadLetter | None:
    row = connection.execute(_GET, (id,)).fetchone()
    return _letter(row) if row else None


def remove(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    return connection.execute(_REMOVE, (json.dumps(ids),)).rowcount


def count(connection: sqlite3.Connection, which: LetterQuery) -> int:
    where, parameters = _conditions(connection, which)
    [number] = connection.execute(_COUNT.format(where), parameters).fetchone()
    return int(number)


def change(connection: sqlite3.Connection, letter: DeadLetter) -> bool:
    parameters = {
        "id": letter.id,
        "event": json.dumps(dict(letter.event.attributes)),
        "event_data": letter.event.data,
        "origin": json.dumps(dict(letter.origin.attributes)),
        "origin_data": letter.origin.data,
    }
    return connection.execute(_CHANGE, parameters).rowcount > 0


def _conditions(connection: sqlite3.Connection, which: LetterQuery) -> tuple[str, dict[str, object]]:
    given = {name: value for name, value in asdict(which).items() if value is not None}
    if "error" in given:
        connection.create_function("casefold", 1, str.casefold, deterministic=True)  # SQLite's knows only ASCII
    return " AND ".join(_CONDITIONS[name] for name in given) or "true", given


def _row(letter: DeadLetter) -> tuple[object, ...]:
    return (
        letter.id,
        letter.pipeline,
        letter.revision,
        letter.stage,
        json.dumps(dict(letter.event.attributes)),
        letter.event.data,
        json.dumps(dict(letter.origin.attributes)),
        letter.origin.data,
        json.dumps(dict(letter.metadata)),
        letter.error,
        letter.status,
        letter.body,
        letter.attempts,
        letter.time,
        letter.key,
    )


def _letter(row: Sequence[Any]) -> DeadLetter:
    id, pipeline, revision, stage, event, event_data, origin, origin_data, metadata, *rest = row
    return DeadLetter(
        id,
        pipeline,
        revision,
        stage,
        Event(json.loads(event), event_data),
        Event(json.loads(origin), origin_data),
        json.loads(metadata),
        *rest,
    )
