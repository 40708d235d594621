from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bindings.contract import Settled


class Exchange:
    """A request whose caller waits until all its messages are settled."""

    def __init__(self, count: int) -> None:
        self.outcome: asyncio.Future[Sequence[Settled]] = asyncio.get_running_loop().create_future()
        self._count = count
        self._settled: dict[int, Settled] = {}

    def settle(self, index: int, settled: Settled) -> None:
        self._settled[index] = settled
        if len(self._settled) == self._count:
            self._finish([self._settled[index] for index in range(self._count)])

    def give_up(self) -> None:
        self._finish([])

    def _finish(self, settled: Sequence[Settled]) -> None:
        if not self.outcome.done():
            self.outcome.set_result(settled)
