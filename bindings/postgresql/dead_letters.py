"""The statements of dead letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bindings.postgresql.pool import Connection
from bindings.postgresql.text import folded, read, written
from bindings.store import DeadLetter, LetterQuery
from engine.event import Event

_COLUMNS = (
    "id, pipeline, revision, stage, event, event_data, origin, origin_data, metadata, error, status, body, attempts, "
    "time, key"
)
_ADD = f"""
    INSERT INTO jackfield.dead_letters ({_COLUMNS}, folded_error) VALUES ({", ".join(["%s"] * 16)})
    ON CONFLICT DO NOTHING
"""  # noqa: S608
_SELECT = f"SELECT {_COLUMNS} FROM jackfield.dead_letters WHERE "  # noqa: S608
_REMOVE = "DELETE FROM jackfield.dead_letters WHERE id = ANY (%s)"
_COUNT = "SELECT count(*) FROM jackfield.dead_letters WHERE "
_CHANGE = """
    UPDATE jackfield.dead_letters
    SET event = %(event)s, event_data = %(event_data)s, origin = %(origin)s, origin_data = %(origin_data)s
    WHERE id = %(id)s
"""
_CONDITIONS = {  # by the fields of a `LetterQuery`
    "pipeline": "pipeline = %(pipeline)s",
    "since": "time >= %(since)s",
    "until": "time < %(until)s",
    "error": "position(%(error)s in folded_error) > 0",
    "key": "key = %(key)s",
}


async def add(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """A letter that is there already is left out: it was added by an attempt that seemed to fail."""
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.executemany(_ADD, [_row(letter) for letter in letters])


async def page(connection: Connection, which: LetterQuery, after: str, limit: int) -> list[DeadLetter]:
    where, parameters = _conditions(which)
    query = f"{_SELECT} id > %(after)s AND {where} ORDER BY id LIMIT %(limit)s"
    found = await connection.execute(query, {**parameters, "after": after, "limit": limit})
    return [_letter(row) for row in await found.fetchall()]


async def get(connection: Connection, id: str) -> DeadLetter | None:
    row = await (await connection.execute(f"{_SELECT} id = %s", (written(id),))).fetchone()
    return _letter(row) if row else None


async def remove(connection: Connection, ids: Sequence[str]) -> int:
    return (await connection.execute(_REMOVE, ([written(id) for id in ids],))).rowcount


async def count(connection: Connection, which: LetterQuery) -> int:
    where, parameters = _conditions(which)
    row = await (await connection.execute(_COUNT + where, parameters)).fetchone()
    return int(row[0]) if row else 0


async def change(connection: Connection, letter: DeadLetter) -> bool:
    parameters = {
        "id": written(letter.id),
        "event": json.dumps(dict(letter.event.attributes)),
        "event_data": letter.event.data,
        "origin": json.dumps(dict(letter.origin.attributes)),
        "origin_data": letter.origin.data,
    }
    return (await connection.execute(_CHANGE, parameters)).rowcount > 0


def _conditions(which: LetterQuery) -> tuple[str, dict[str, object]]:
    given = {name: value for name, value in asdict(which).items() if value is not None}
    where = " AND ".join(_CONDITIONS[name] for name in given) or "true"
    if which.error is not None:
        given["error"] = folded(which.error)
    if which.key is not None:
        given["key"] = written(which.key)
    return where, given


def _row(letter: DeadLetter) -> tuple[object, ...]:
    return (
        written(letter.id),
        letter.pipeline,
        letter.revision,
        letter.stage,
        json.dumps(dict(letter.event.attributes)),
        letter.event.data,
        json.dumps(dict(letter.origin.attributes)),
        letter.origin.data,
        json.dumps(dict(letter.metadata)),
        written(letter.error),
        letter.status,
        letter.body,
        letter.attempts,
        letter.time,
        None if letter.key is None else written(letter.key),
        folded(letter.error),
    )


def _letter(row: Sequence[Any]) -> DeadLetter:
    id, pipeline, revision, stage, event, event_data, origin, origin_data, metadata, *rest = row
    error, status, body, attempts, time, key = rest
    return DeadLetter(
        read(id),
        pipeline,
        revision,
        stage,
        Event(json.loads(event), event_data),
        Event(json.loads(origin), origin_data),
        json.loads(metadata),
        read(error),
        status,
        body,
        attempts,
        time,
        None if key is None else read(key),
    )
