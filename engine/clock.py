"""Time, as the engine and the bindings get it: the system's, or a virtual one that a test moves by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time


class SystemClock:
    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that stands still until `advance` moves it; sleepers wake in the order of their time."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._set_by = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now + self._set_by

    def set(self, by: float) -> None:
        """The time of day jumps, as when it is set or the machine was suspended; sleepers do not notice."""
        self._set_by += by

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), waiter))
        await waiter

    @property
    def sleepers(self) -> int:
        """How many wait for the time to move: what a test checks before it moves it."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Moves the time, stopping at each sleeper on the way so that what it starts sees its own instant."""
        await self._let_others_run()
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, waiter = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not waiter.done():
                waiter.set_result(None)
                await self._let_others_run()
        self._now = end
        await self._let_others_run()

    @staticmethod
    async def _let_others_run() -> None:
        # A woken task may wake others in turn; a fixed number of turns is enough for every chain in the engine.
        for _ in range(20):
            await asyncio.sleep(0)
