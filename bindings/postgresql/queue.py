from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bindings.contract import Clock, Outcome, Received, Settled
from bindings.postgresql.arrivals import Arrivals
from bindings.postgresql.pool import Connection
from bindings.postgresql.server import Server
from bindings.postgresql.text import key, read, written
from bindings.store import Message
from engine.errors import NotReady, Retryable
from engine.event import flat_json

_VISIBILITY = 30.0  # seconds after which another engine may take over what was given to one that died or hangs
_BATCH_BYTES = 2**25  # a batch ends with the message that exceeds it, so that large messages do not fill the memory

_PUT = """
    INSERT INTO jackfield.messages (queue, key, id, data, attributes, metadata)
    SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING
"""
# `SKIP LOCKED`: readers take different messages and do not wait for each other.
_CLAIM = """
    WITH due AS (
        SELECT seq, coalesce(octet_length(data), 0) AS size FROM jackfield.messages
        WHERE queue = %(queue)s AND visible_at <= clock_timestamp() AND seq <> ALL (%(held)s)
        ORDER BY seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), next AS (
        SELECT seq FROM (SELECT seq, sum(size) OVER (ORDER BY seq) - size AS before FROM due) AS sized
        WHERE before <= %(bytes)s
    )
    UPDATE jackfield.messages AS given
    SET visible_at = clock_timestamp() + make_interval(secs => %(visibility)s), deliveries = deliveries + 1
    FROM next WHERE given.seq = next.seq
    RETURNING given.seq, id, data, attributes, metadata, deliveries
"""
_OURS = "(seq, deliveries) IN (SELECT * FROM unnest(%(seqs)s::bigint[], %(deliveries)s::integer[]))"
_DELETE = f"DELETE FROM jackfield.messages WHERE {_OURS}"  # noqa: S608
_RELEASE = f"UPDATE jackfield.messages SET visible_at = '-infinity' WHERE {_OURS}"  # noqa: S608
_UNDO = (
    "UPDATE jackfield.messages SET visible_at = '-infinity', deliveries = deliveries - 1 "  # noqa: S608
    f"WHERE {_OURS}"
)
_RENEW = (
    "UPDATE jackfield.messages SET visible_at = clock_timestamp() + make_interval(secs => %(visibility)s) "  # noqa: S608
    f"WHERE {_OURS} AND visible_at > '-infinity'"  # what was released in the meantime stays so
)


async def put(connection: Connection, queue: str, messages: Sequence[Message]) -> None:
    """A message is left out when the queue already holds its id."""
    rows = [
        (key(one.id), written(one.id), one.data, flat_json(one.attributes), flat_json(one.metadata)) for one in messages
    ]
    columns: Iterable[Any] = zip(*rows, strict=True) if rows else [()] * 5
    await connection.execute(_PUT, (queue, *(list(column) for column in columns)))


class PostgresQueue:
    """One reader and writer of a durable queue; any number of them, on any machine, share it.

    What is read is claimed for `visibility` seconds, and again every third of that time while this reader lives, so
    that it is given to another one only when this engine dies or hangs.
    """

    def __init__(
        self, server: Server, arrivals: Arrivals, name: str, clock: Clock, visibility: float = _VISIBILITY
    ) -> None:
        self._server = server
        self._arrivals = arrivals
        self._name = name
        self._clock = clock
        self._visibility = visibility
        self._held: dict[int, int] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._undoing: asyncio.Task[None] | None = None

    async def put(self, messages: Sequence[Message]) -> None:
        async with self._server.connection() as connection:
            await put(connection, self._name, messages)
        self._arrivals.announce([self._name])

    async def read(self, limit: int) -> Sequence[Received]:
        """Waits for at least one message; raises `NotReady` while the server does not answer."""
        try:
            while True:
                arrival = self._arrivals.arrival(self._name)
                if received := await self._claim(limit):
                    return received
                await self._arrivals.wait(self._name, arrival)
        except Retryable as error:
            raise NotReady(str(error)) from error

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Ignores what was given to another reader in the meantime; raises `Retryable`."""
        released = dict(one.received.handle for one in settled if one.outcome is Outcome.RELEASED)
        finished = dict(one.received.handle for one in settled if one.outcome is not Outcome.RELEASED)
        for seq in finished | released:
            self._held.pop(seq, None)  # at once: a renewal must not overtake the release
        try:
            if finished:
                await self._change(_DELETE, finished)
            if released:
                await self._change(_RELEASE, released)
                self._arrivals.announce([self._name])
        except BaseException:  # cancelled, too: the statement may fail without us
            self._held.update(finished | released)
            raise

    async def close(self) -> None:
        """Gives back what was not settled."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
            self._renewal = None  # it may be read again
        if self._undoing is not None:
            await self._undoing
        held, self._held = self._held, {}
        with suppress(Retryable):
            await self._give_back(held)

    async def _give_back(self, claims: Mapping[int, int]) -> None:
        """What cannot be given back now is given back by the next reader of this engine, before it claims.

        So it comes before what is new, in its order.
        """
        try:
            if claims:
                await self._change(_RELEASE, claims)
                self._arrivals.announce([self._name])
        except BaseException:
            self._arrivals.abandoned.setdefault(self._name, {}).update(claims)
            raise

    async def _claim(self, limit: int) -> Sequence[Received]:
        if self._undoing is not None:
            await asyncio.shield(self._undoing)  # what it puts back comes first
        await self._give_back(self._arrivals.abandoned.pop(self._name, {}))
        claiming = asyncio.ensure_future(self._claimed(limit))
        try:
            received = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            self._undoing = asyncio.create_task(self._undo(claiming))
            raise
        self._held.update(message.handle for message in received)
        if self._held and self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
        return received

    async def _claimed(self, limit: int) -> Sequence[Received]:
        parameters = {
            "queue": self._name,
            "limit": limit,
            "held": list(self._held),
            "bytes": _BATCH_BYTES,
            "visibility": self._visibility,
        }
        async with self._server.connection() as connection:
            rows = await (await connection.execute(_CLAIM, parameters, binary=True)).fetchall()
        return [
            Received(read(id), data, json.loads(attributes), json.loads(metadata), deliveries, (seq, deliveries))
            for seq, id, data, attributes, metadata, deliveries in sorted(rows, key=lambda row: int(row[0]))
        ]

    async def _undo(self, claiming: asyncio.Future[Sequence[Received]]) -> None:
        with suppress(Retryable):  # the claims expire
            claims = dict(message.handle for message in await claiming)
            if claims:
                await self._change(_UNDO, claims)
                self._arrivals.announce([self._name])

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(self._visibility / 3)
            if self._held:
                with suppress(Retryable):  # two more attempts before the claims expire
                    await self._change(_RENEW, dict(self._held))

    async def _change(self, statement: str, claims: Mapping[int, int]) -> None:
        parameters = {
            "seqs": list(claims),
            "deliveries": list(claims.values()),
            "visibility": self._visibility,
        }
        async with self._server.connection() as connection:
            await connection.execute(statement, parameters)
