"""The statements of a queue; they run in the thread of its `Database` (see the caution there)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from bindings.contract import Received
from bindings.sqlite.insert import insert

Claims: TypeAlias = Mapping[int, int]
"""`seq` of a message -> how often it was given out, which tells this delivery from an earlier or a later one."""

Row: TypeAlias = tuple[str, str, bytes | None, str, str]
"""queue, id, data, attributes, metadata"""

_INLINE_BYTES = 2**14  # data up to here come with their batch, as hex; larger ones are fetched one by one
_BATCH_BYTES = 2**25  # a batch ends with the message that exceeds it, so that large messages do not fill the memory

_NEXT = """
    WITH due AS (
        SELECT seq, deliveries FROM claims
        WHERE queue = :queue AND visible_at <= :now ORDER BY visible_at, seq LIMIT :limit
    ), fresh AS (
        SELECT seq, NULL FROM messages
        WHERE queue = :queue AND seq > :cursor AND NOT EXISTS (SELECT 1 FROM claims WHERE claims.seq = messages.seq)
        ORDER BY seq LIMIT :limit
    ), next (seq, deliveries) AS (
        SELECT * FROM due UNION ALL SELECT * FROM fresh LIMIT :limit
    )
    SELECT
        json_group_array(json_array(
            seq, deliveries, id, json(attributes), json(metadata),
            length(data), iif(length(data) <= :inline, hex(data), NULL)
        )),
        (SELECT max(seq) FROM messages WHERE queue = :queue)
    FROM next CROSS JOIN messages USING (seq)
"""
_CLAIM = """
    INSERT INTO claims (seq, queue, visible_at, deliveries)
    SELECT CAST(key AS INTEGER), :queue, :until, value FROM json_each(:claims) WHERE true
    ON CONFLICT (seq) DO UPDATE SET visible_at = excluded.visible_at, deliveries = excluded.deliveries
"""
_DELAY = "INSERT INTO claims (seq, queue, visible_at, deliveries) SELECT value, ?, ?, 0 FROM json_each(?)"
_OURS = """
    SELECT claims.seq FROM json_each(:claims) AS held
    CROSS JOIN claims ON claims.seq = CAST(held.key AS INTEGER) AND claims.deliveries = held.value
"""
_MOVE = f"UPDATE claims SET visible_at = :visible_at WHERE seq IN ({_OURS})"
_UNDO = f"UPDATE claims SET visible_at = 0, deliveries = deliveries - 1 WHERE seq IN ({_OURS})"
_DELETE = f"DELETE FROM messages WHERE seq IN ({_OURS})"


def put(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """A message whose queue already holds its id is left out."""
    insert(connection, "messages (queue, id, data, attributes, metadata)", rows, "ON CONFLICT DO NOTHING")


def put_later(connection: sqlite3.Connection, rows: Sequence[Row], visible_at: float) -> None:
    added = insert(
        connection,
        "messages (queue, id, data, attributes, metadata)",
        rows,
        "ON CONFLICT DO NOTHING RETURNING seq, queue",
    )

