from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bindings.contract import Settled


class Exchange:
    """A request whose caller waits until all its messages are settled."""

    def __init__(self, count: int) -> None:
        self.outcome: asyncio.Future[Sequence[Settled]] = asyncio.get_running_loop().create_future()
        self._settled: list[Settled | None] = [None] * count

    def settle(self, index: int, settled: Settled) -> None:
        self._settled[index] = settled
        known = [one for one in self._settled if one is not None]
        if len(known) == len(self._settled) and not self.outcome.done():
            self.outcome.set_result(known)

    def give_up(self) -> None:
        if not self.outcome.done():
            self.outcome.set_result([])
