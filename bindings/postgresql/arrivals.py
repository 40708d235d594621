"""Who waits for messages: one look at the database for all queues, and a word at once for what this engine adds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

import psycopg

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
    """What the queues of one engine share. `abandoned`: by queue, the claims that a closed one could not give back."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self.abandoned: dict[str, dict[int, int]] = {}
        self._server = server
        self._clock = clock
        self._arrivals: dict[str, asyncio.Future[None]] = {}
        self._readers: Counter[str] = Counter()
        self._looking: asyncio.Task[None] | None = None

    def arrival(self, queue: str) -> asyncio.Future[None]:
        """Done when there may be something in the queue that was not there before; to be given to `wait`."""
        if queue not in self._arrivals:
            self._arrivals[queue] = asyncio.get_running_loop().create_future()
        return self._arrivals[queue]

    async def wait(self, queue: str, arrival: asyncio.Future[None]) -> None:
        self._readers[queue] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            await asyncio.wait({arrival})
        finally:
            self._readers[queue] -= 1

    def announce(self, queues: Iterable[str]) -> None:
        for queue in queues:
            arrival = self._arrivals.pop(queue, None)
            if arrival is not None:
                arrival.set_result(None)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        """Ends when nobody waits any more."""
        while queues := list(+self._readers):
            await self._clock.sleep(_LOOK_EVERY)
            try:
                async with self._server.connection() as connection:
                    rows = await (await connection.execute(_NOT_EMPTY, (queues,))).fetchall()
            except (Unavailable, psycopg.Error):
                self.announce(queues)  # the readers find out themselves
            else:
                self.announce(queue for (queue,) in rows)
