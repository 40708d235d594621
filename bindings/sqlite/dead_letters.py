from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from bindings.sqlite.insert import insert
from bindings.store import DeadLetter
from engine.event import Event

# The columns in the order of the table.
_PAGE = "SELECT * FROM dead_letters WHERE id > :after ORDER BY id LIMIT :limit"
_PAGE_OF_PIPELINE = "SELECT * FROM dead_letters WHERE pipeline = :pipeline AND id > :after ORDER BY id LIMIT :limit"
_GET = "SELECT * FROM dead_letters WHERE id = ?"
_REMOVE = "DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))"
_COUNT = "SELECT count(*) FROM dead_letters"
_COUNT_OF_PIPELINE = "SELECT count(*) FROM dead_letters WHERE pipeline = :pipeline"


def add(connection: sqlite3.Connection, letters: Sequence[DeadLetter]) -> None:
    """A letter that is there already is left out: it was added by an attempt that seemed to fail."""
    insert(connection, "dead_letters", [_row(letter) for letter in letters], "ON CONFLICT DO NOTHING")


def page(connection: sqlite3.Connection, pipeline: str | None, after: str, limit: int) -> list[DeadLetter]:
    statement = _PAGE if pipeline is None else _PAGE_OF_PIPELINE
    rows = connection.execute(statement, {"pipeline": pipeline, "after": after, "limit": limit})
    return [_letter(row) for row in rows]


def get(connection: sqlite3.Connection, id: str) -> DeadLetter | None:
    row = connection.execute(_GET, (id,)).fetchone()
    return _letter(row) if row else None


def remove(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    return connection.execute(_REMOVE, (json.dumps(ids),)).rowcount


def count(connection: sqlite3.Connection, pipeline: str | None) -> int:
    statement = _COUNT if pipeline is None else _COUNT_OF_PIPELINE
    [number] = connection.execute(statement, {"pipeline": pipeline}).fetchone()
    return int(number)


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
