from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from bindings.aws.sqs.queue import Queue
from bindings.contract import Clock
from engine.errors import Permanent

_PARTS = 3  # of the time for which a message is hidden; after each it is looked whether it must be hidden anew


class Hiding:
    """Keeps messages hidden from other readers for as long as they are under way here, at most 12 hours (SQS)."""

    def __init__(self, queue: Queue, seconds: int, clock: Clock) -> None:
        self._queue = queue
        self._seconds = seconds
        self._clock = clock
        self._until: dict[str, float] = {}  # when each message can be seen again, by its handle
        self._task = asyncio.get_running_loop().create_task(self._keep())

    def add(self, handles: Iterable[str]) -> None:
        """They have just come."""
        self._until.update(dict.fromkeys(handles, self._clock.now() + self._seconds))

    def drop(self, handles: Iterable[str]) -> None:
        for handle in handles:
            self._until.pop(handle, None)

    async def close(self) -> Collection[str]:
        """The messages that were hidden to the last."""
        self._task.cancel()
        await asyncio.wait([self._task])
        return list(self._until)

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(self._seconds / _PARTS)
            # Those that would have one part left, or less, at the next look.
            soon = self._clock.now() + self._seconds * 2 / _PARTS
            due = [handle for handle, until in self._until.items() if until <= soon]
            start = self._clock.now()
            for handle, error in zip(due, await self._queue.hide(due, self._seconds), strict=True):
                if isinstance(error, Permanent):  # it is the queue's again, or its 12 hours are over
                    self._until.pop(handle, None)
                elif error is None and handle in self._until:
                    self._until[handle] = start + self._seconds
