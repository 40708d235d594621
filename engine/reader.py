"""Reads one input of a pipeline, whenever there is room, until it is stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bindings.contract import Clock, Received
from engine.definitions.pipeline import Retry
from engine.errors import JackfieldError
from engine.retry import backoff
from engine.room import Room

_log = logging.getLogger("jackfield.reader")
_RETRY = Retry(initial=0.5, max=30.0)


class Readable(Protocol):
    async def read(self, limit: int) -> Sequence[Received]: ...


class Reader:
    """`reopen` is called before the next read after an error, and when `start` says so; `problem` says why nothing is
    read meanwhile.
    """

    def __init__(
        self,
        pipeline: str,
        input: Readable,
        room: Room,
        clock: Clock,
        arrived: Callable[[Sequence[Received]], None],
        reopen: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.problem = ""
        self._pipeline = pipeline
        self._input = input
        self._room = room
        self._clock = clock
        self._arrived = arrived
        self._reopen = reopen
        self._task: asyncio.Task[None] | None = None

    def start(self, reopen: bool = False) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(reopen))

    async def stop(self) -> None:
        """Ends the reading; a read that waits is cancelled, and loses nothing (bindings/contract.py)."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self, reopen: bool) -> None:
        failures = 0
        while True:
            try:
                if reopen and self._reopen is not None:
                    await self._reopen()
                received = await self._input.read(await self._room.free())
                self._arrived(received)
            except Exception as error:
                failures, reopen = failures + 1, True
                await self._wait_after(error, failures)
            else:
                failures, reopen, self.problem = 0, False, ""
                self._room.take(len(received))

    async def _wait_after(self, error: Exception, failures: int) -> None:
        wait = backoff(_RETRY, failures)
        self.problem = str(error) or type(error).__name__
        known = isinstance(error, JackfieldError)  # anything else is a bug of the binding, and shown as one
        text = "%s: the input cannot be read, next try in %.1f s: %s"
        _log.warning(text, self._pipeline, wait, self.problem, exc_info=None if known else error)
        await self._clock.sleep(wait)
