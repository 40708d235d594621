"""The input of a pipeline that has nothing to read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bindings.contract import Received, Redelivery, Settled


class Silence:
    redelivery: Redelivery = "native"

    async def open(self) -> None:
        pass

    async def read(self, limit: int) -> Sequence[Received]:
        """Never gives anything."""
        nothing: asyncio.Future[Sequence[Received]] = asyncio.get_running_loop().create_future()
        return await nothing

    async def settle(self, settled: Sequence[Settled]) -> None:
        pass

    async def close(self) -> None:
        pass
