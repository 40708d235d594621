"""The statements of the deduplication ledger; a batch is one statement (see the caution in database.py)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

_COMMITTED = """
    SELECT json_group_array(asked.key) FROM json_each(:keys) AS asked
    CROSS JOIN ledger ON scope = :scope AND ledger.key = asked.value AND committed_at >= :since
"""
_CLAIM = """
    INSERT INTO ledger (scope, key, claimed_at) SELECT :scope, value, :now FROM json_each(:keys) WHERE true
    ON CONFLICT (scope, key) DO UPDATE SET claimed_at = excluded.claimed_at, committed_at = NULL
    WHERE committed_at IS NULL OR committed_at < :since
"""
_COMMIT = """
    INSERT INTO ledger (scope, key, claimed_at, committed_at)
    SELECT :scope, value, :now, :now FROM json_each(:keys) WHERE true
    ON CONFLICT (scope, key) DO UPDATE SET committed_at = excluded.committed_at
"""
# The expression is that of the index `ledger_by_age`.
_FORGET_OLD = "DELETE FROM ledger WHERE scope = :scope AND coalesce(committed_at, claimed_at) < :before"
_FORGET_MOST = """
    DELETE FROM ledger WHERE scope = :scope AND key IN (
        SELECT key FROM ledger WHERE scope = :scope
        ORDER BY coalesce(committed_at, claimed_at) DESC LIMIT -1 OFFSET :most
    )
"""


def claim(connection: sqlite3.Connection, scope: str, keys: Sequence[str], now: float, since: float) -> list[bool]:
    parameters = {"scope": scope, "keys": _written(keys), "now": now, "since": since}
    [found] = connection.execute(_COMMITTED, parameters).fetchone()
    committed = set(json.loads(found))
    connection.execute(_CLAIM, parameters)
    return [place in committed for place in range(len(keys))]


def commit(connection: sqlite3.Connection, scope: str, keys: Sequence[str], now: float) -> None:
    """A key whose claim was swept in the meantime is committed all the same."""
    connection.execute(_COMMIT, {"scope": scope, "keys": _written(keys), "now": now})


def sweep(connection: sqlite3.Connection, scope: str, before: float, most: int) -> int:
    forgotten = connection.execute(_FORGET_OLD, {"scope": scope, "before": before}).rowcount
    return forgotten + connection.execute(_FORGET_MOST, {"scope": scope, "most": most}).rowcount


def _written(keys: Sequence[str]) -> str:
    # SQLite cuts a JSON string at its first NUL: two keys would become one, and an event be taken for a duplicate.
    return json.dumps([key.encode("unicode_escape").decode("ascii") for key in keys])
