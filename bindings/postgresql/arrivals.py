"""Who waits for messages: one look at the database for all queues, and a word at once for what this engine adds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from bindings.contract import Clock
from bindings.postgresql.server import Server
from engine.errors import Unavailable

_LOOK_EVERY = 0.2  # seconds: for what other engines add, and for claims that have expired

_NOT_EMPTY = """
    SELECT asked.queue FROM unnest(%s::text[]) AS asked (queue) WHERE EXISTS (
        SELECT 1 FROM jackfield.messages WHERE messages.queue = asked.queue AND visible_at <= clock_timestamp()
    )
"""


class Arrivals:
    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._looking: asyncio.Task[None] | None = None

    def arrival(self, queue: str) -> asyncio.Future[None]:
        """Done when there may be something in the queue that was not there before."""
        if queue not in self._waiting:
            self._waiting[queue] = asyncio.get_running_loop().create_future()
        return self._waiting[queue]

    async def wait(self, arrival: asyncio.Future[None]) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        await asyncio.wait({arrival})

    def announce(self, queues: Iterable[str]) -> None:
        for queue in queues:
            arrival = self._waiting.pop(queue, None)
            if arrival is not None and not arrival.done():
                arrival.set_result(None)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        while self._waiting:
            await self._clock.sleep(_LOOK_EVERY)
            queues = list(self._waiting)
            try:
                async with self._server.connection() as connection:
                    rows = await (await connection.execute(_NOT_EMPTY, (queues,))).fetchall()
            except Unavailable:
                self.announce(queues)  # the readers find out themselves
            else:
                self.announce(queue for (queue,) in rows)
