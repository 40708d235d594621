from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from bindings.contract import Clock, Outcome, Received, Settled
from bindings.sqlite import messages as sql
from bindings.sqlite.database import Database
from bindings.store import Message
from engine.errors import NotReady, Retryable
from engine.event import flat_json

_POLL = 0.1  # seconds between two looks for what no `announce` tells: other processes, delays, expired claims


def rows_of(queue: str, messages: Sequence[Message]) -> Sequence[sql.Row]:
    return [
        (queue, message.id, message.data, flat_json(message.attributes), flat_json(message.metadata))
        for message in messages
    ]


class SqliteQueue:
    """One reader and writer of a durable queue; any number of them, in any process, share it.

    What is read is claimed for `visibility` seconds, and again every third of that time while this reader lives, so
    that it is given to another process only when this one dies or hangs. To a reader of this process it is not given
    before, even when the clock jumps. `database` stays open until after `close`.
    """

    def __init__(self, database: Database, name: str, clock: Clock, visibility: float = 30.0) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._visibility = visibility
        self._cursor = 0
        self._held: dict[int, int] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._undoing: asyncio.Task[None] | None = None

    async def put(self, messages: Sequence[Message], *, delay: float = 0.0) -> None:
        """Adds the messages, to be given out after `delay` seconds; raises `Retryable`."""
        visible_at = self._clock.now() + delay if delay > 0 else None
        await self._database.write(partial(sql.put, rows=rows_of(self._name, messages), visible_at=visible_at))
        self._database.announce(self._name)

    async def read(self, limit: int) -> Sequence[Received]:
        """Waits for at least one message; raises `NotReady` while the file cannot be written."""
        try:
            await self._database.join_readers()
            while True:
                arrival = self._database.arrival(self._name)
                if received := await self._claim(limit):
                    return received
                await self._wait(arrival)
        except Retryable as error:
            raise NotReady(str(error)) from error

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Ignores what was given to another reader in the meantime; raises `Retryable`."""
        released = dict(one.received.handle for one in settled if one.outcome is Outcome.RELEASED)
        finished = dict(one.received.handle for one in settled if one.outcome is not Outcome.RELEASED)
        self._let_go(finished | released)  # at once: a renewal must not overtake the release
        try:
            if finished:
                await self._database.write(partial(sql.delete, claims=finished))
            if released:
                await self._release(released)
        except BaseException:  # cancelled, too: the write may fail without us
            self._hold(finished | released)
            raise

    async def close(self) -> None:
        """Gives back what was not settled."""
        if self._renewal:
            self._renewal.cancel()
            self._renewal = None  # it may be read again
        if self._undoing:
            await self._undoing
        if held := dict(self._held):
            self._let_go(held)
            self._database.abandoned.update(held)
            with suppress(Retryable):
                await self._take_back()

    async def _take_back(self) -> None:
        """What a reader of this process could not give back comes before what is new, and so in its order."""
        if abandoned := dict(self._database.abandoned):
            await self._release(abandoned)
            for seq in abandoned:
                self._database.abandoned.pop(seq, None)

    async def _claim(self, limit: int) -> Sequence[Received]:
        await self._take_back()
        now = self._clock.now()
        claims: dict[int, int] = {}

        def work(connection: sqlite3.Connection) -> tuple[Sequence[Received], int]:
            held, until = self._database.held, now + self._visibility
            received, cursor = sql.claim(connection, self._name, limit, self._cursor, held, now, until)
            claims.clear()  # of a transaction that was rolled back
            claims.update(message.handle for message in received)
            return received, cursor

        claim = self._database.write(work, durable=False)  # a claim that a power cut undoes was not needed any more
        try:
            received, self._cursor = await asyncio.shield(claim)
        except asyncio.CancelledError:
            # Right behind the claim, so that the next to read does not get what comes after these.
            undo = self._database.write(partial(sql.undo, claims=claims), durable=False)
            self._undoing = asyncio.create_task(self._undone(undo))
            raise
        self._hold(claims)
        if self._held and not self._renewal:
            self._renewal = asyncio.create_task(self._renew())
        return received

    def _hold(self, claims: sql.Claims) -> None:
        self._held.update(claims)
        self._database.held.update(claims)

    def _let_go(self, claims: sql.Claims) -> None:
        for seq in claims:
            self._held.pop(seq, None)
        self._database.held.difference_update(claims)

    async def _undone(self, undo: asyncio.Future[None]) -> None:
        with suppress(Retryable):  # the claims expire
            await undo
            self._database.announce(self._name)

    async def _release(self, claims: sql.Claims) -> None:
        await self._database.write(partial(sql.move, claims=claims, visible_at=0.0), durable=False)
        self._database.announce(self._name)

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(self._visibility / 3)
            until = self._clock.now() + self._visibility
            with suppress(Retryable):  # two more attempts before the claims expire
                await self._database.write(partial(sql.move, claims=dict(self._held), visible_at=until), durable=False)

    async def _wait(self, arrival: asyncio.Future[None]) -> None:
        poll = asyncio.create_task(self._clock.sleep(_POLL))
        try:
            await asyncio.wait({poll, arrival}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            poll.cancel()
