"""The statements of a queue; they run in the thread of its `Database` (see the caution there)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence, Set
from typing import TypeAlias

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
_WAITING = """
    SELECT id, data, attributes, metadata, coalesce(deliveries, 0) FROM messages LEFT JOIN claims USING (seq)
    WHERE messages.queue = ? AND coalesce(visible_at, 0) <= ? ORDER BY seq LIMIT ?
"""
_CLAIM = """
    INSERT INTO claims (seq, queue, visible_at, deliveries)
    SELECT CAST(key AS INTEGER), :queue, :until, value FROM json_each(:claims) WHERE true
    ON CONFLICT (seq) DO UPDATE SET visible_at = excluded.visible_at, deliveries = excluded.deliveries
"""
_DELAY = """
    INSERT INTO claims (seq, queue, visible_at, deliveries)
    SELECT seq, queue, ?, 0 FROM messages WHERE seq IN (SELECT value FROM json_each(?))
"""
_OURS = """
    WITH ours AS (
        SELECT claims.seq FROM json_each(:claims) AS held
        CROSS JOIN claims ON claims.seq = CAST(held.key AS INTEGER) AND claims.deliveries = held.value
    )
"""
_MOVE = _OURS + "UPDATE claims SET visible_at = :visible_at WHERE seq IN ours"  # noqa: S608
_UNDO = _OURS + "UPDATE claims SET visible_at = 0, deliveries = deliveries - 1 WHERE seq IN ours"  # noqa: S608
_DELETE = _OURS + "DELETE FROM messages WHERE seq IN ours"  # noqa: S608


def put(connection: sqlite3.Connection, rows: Sequence[Row], visible_at: float | None = None) -> None:
    """A message is left out when the queue already holds its id."""
    into = "messages (queue, id, data, attributes, metadata)"
    then = "ON CONFLICT DO NOTHING" if visible_at is None else "ON CONFLICT DO NOTHING RETURNING seq"
    added = insert(connection, into, rows, then)
    if added:
        connection.execute(_DELAY, (visible_at, json.dumps([seq for (seq,) in added])))


def claim(
    connection: sqlite3.Connection, queue: str, limit: int, cursor: int, held: Set[int], now: float, until: float
) -> tuple[Sequence[Received], int]:
    """The next messages, and the cursor moved on: every message up to it has a claim.

    What is held is not given out again, even if its claims expired because the machine was suspended.
    """
    parameters = {"queue": queue, "limit": limit, "cursor": cursor, "now": now, "inline": _INLINE_BYTES}
    found, newest = connection.execute(_NEXT, parameters).fetchone()
    rows = json.loads(found)
    if not rows:
        return [], newest or cursor
    received: list[Received] = []
    size = 0
    for seq, deliveries, id, attributes, metadata, length, text in sorted(rows):
        if seq in held:
            continue
        if size > _BATCH_BYTES:
            break
        size += length or 0
        if deliveries is None:
            cursor = seq
        attempt = (deliveries or 0) + 1
        data = _data(connection, seq, text) if length is not None else None
        received.append(Received(id, data, attributes, metadata, attempt, handle=(seq, attempt)))
    claims = dict(message.handle for message in received)
    connection.execute(_CLAIM, {"queue": queue, "until": until, "claims": json.dumps(claims)})
    return received, cursor


def waiting(connection: sqlite3.Connection, queue: str, now: float, limit: int) -> Sequence[Received]:
    """The next messages as `claim` would give them; nothing is claimed."""
    rows = connection.execute(_WAITING, (queue, now, limit))
    return [
        Received(id, data, json.loads(attributes), json.loads(metadata), deliveries + 1)
        for id, data, attributes, metadata, deliveries in rows
    ]


def _data(connection: sqlite3.Connection, seq: int, text: str | None) -> bytes:
    if text is not None:
        return bytes.fromhex(text)
    [data] = connection.execute("SELECT data FROM messages WHERE seq = ?", (seq,)).fetchone()
    return bytes(data)


def move(connection: sqlite3.Connection, claims: Claims, visible_at: float) -> None:
    connection.execute(_MOVE, {"claims": json.dumps(claims), "visible_at": visible_at})


def undo(connection: sqlite3.Connection, claims: Claims) -> None:
    """As if the messages had not been given out."""
    connection.execute(_UNDO, {"claims": json.dumps(claims)})


def delete(connection: sqlite3.Connection, claims: Claims) -> None:
    connection.execute(_DELETE, {"claims": json.dumps(claims)})
