from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

_ROWS = 100  # a statement; SQLite takes at least 32,766 values in one (SQLITE_MAX_VARIABLE_NUMBER)


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]], then: str = "") -> list[Any]:
    """Many rows in few statements (see the caution in database.py); the rows that a RETURNING in `then` gives."""
    returned: list[Any] = []
    for start in range(0, len(rows), _ROWS):
        chunk = rows[start : start + _ROWS]
        row = f"({', '.join('?' * len(chunk[0]))})"
        statement = f"INSERT INTO {into} VALUES {', '.join([row] * len(chunk))} {then}"  # noqa: S608
        returned += connection.execute(statement, [value for row in chunk for value in row])
    return returned
