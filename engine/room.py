"""How much a pipeline takes in: what bounds its memory, and what makes a slow app slow the reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_MOST_WAITING = 1000


class Room:
    """Room for `size` messages under way.

    Events that wait, for another try or for the one before them in their order, do not count, up to 1,000 of them, so
    that they do not hold up the others. While the pipeline is paused there is no room.
    """

    def __init__(self, size: int, waiting: Callable[[], int], paused: Callable[[], bool]) -> None:
        self._size = size
        self._waiting = waiting
        self._paused = paused
        self._open = 0
        self._granted = False
        self._changed = asyncio.Event()

    async def free(self) -> int:
        """Waits until there is room, and gives how many messages fit.

        Half of the room at a time: a read is a round trip, whether it brings one message or a hundred.
        """
        while True:
            if self._granted and self._open < self._size + _MOST_WAITING:
                self._granted = False
                return 1
            room = self._size + min(self._waiting(), _MOST_WAITING) - self._open
            if not self._paused() and room >= max(1, self._size // 2):
                return min(room, self._size)
            self._changed.clear()
            await self._changed.wait()

    @property
    def under_way(self) -> int:
        """How many messages were taken in and are not settled."""
        return self._open

    def take(self, messages: int) -> None:
        self._open += messages

    def give_back(self, messages: int) -> None:
        self._open -= messages
        self._changed.set()

    def grant_one(self) -> None:
        """Lets one message in although the pipeline is paused: it is the next probe."""
        self._granted = True
        self._changed.set()

    def clear(self) -> None:
        """Nothing is under way any more: what was not settled comes again."""
        self._open = 0
        self._granted = False

    def look_again(self) -> None:
        """Something that room depends on has changed."""
        self._changed.set()
