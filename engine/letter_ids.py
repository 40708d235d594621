"""Ids of dead letters, which sort in the order in which the letters were made."""

from __future__ import annotations

import asyncio
import os

from bindings.contract import Clock
from bindings.store import Store

_SCOPE = "letters"
_AHEAD = 60_000_000  # microseconds: the mark is written at most once in so many


class LetterIds:
    """A microsecond and a random end, which keeps those of two pipelines apart. Two that are made at one instant sort
    rightly, too, and so do those of another life of the pipeline, although the clock was set back meanwhile: a mark in
    the store says up to where ids may have been given.
    """

    def __init__(self, pipeline: str, store: Store, clock: Clock) -> None:
        self._pipeline = pipeline
        self._store = store
        self._clock = clock
        self._last = 0
        self._reserved = 0
        self._reserving = asyncio.Lock()

    async def reserve(self, count: int) -> None:
        """To be called before so many ids are made; may be done again after an error."""
        async with self._reserving:
            if not self._reserved:
                marks = await self._store.marks(_SCOPE)
                self._last = int(marks.get(self._pipeline, 0))
            self._last = max(self._last, int(self._clock.now() * 1e6))
            if self._last + count > self._reserved:
                reserved = self._last + count + _AHEAD
                await self._store.set_marks(_SCOPE, {self._pipeline: str(reserved)})
                self._reserved = reserved

    def new(self) -> str:
        self._last += 1
        return f"{self._last:016x}-{os.urandom(4).hex()}"
