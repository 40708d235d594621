"""What a binding does every so often beside its calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bindings.contract import Clock

_log = logging.getLogger(__name__)


class Periodic:
    """Runs `work` every so many seconds; 0 or less: never. What fails is logged, and done the next time."""

    def __init__(self, work: Callable[[], Awaitable[None]], seconds: float, clock: Clock, what: str) -> None:
        self._work = work
        self._seconds = seconds
        self._clock = clock
        self._what = what
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._seconds > 0:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(self._seconds)
            try:
                await self._work()
            except Exception:
                _log.warning("%s failed; it is done again in %g s", self._what, self._seconds, exc_info=True)
