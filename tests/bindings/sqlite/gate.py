from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bindings.sqlite.database import Database


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[None]:
    """Nothing is written inside the block: what comes meanwhile waits together."""
    entered, let_go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(entered.set)
        let_go.wait()

    holding = database.write(lambda connection: hold())
    await entered.wait()
    try:
        yield
    finally:
        let_go.set()
        await holding
