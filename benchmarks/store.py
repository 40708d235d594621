"""Messages a second through a durable queue of each store: put, read and settled, in batches of 100, one by one.

What a webhook costs that waits in the store; the messages have 200 bytes. PostgreSQL is a private server on loopback
with its defaults (fsync is on); without one its row is left out.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import pytest

from benchmarks.table import row
from bindings.contract import Outcome, Settled
from bindings.postgresql.store import PostgresStore
from bindings.sqlite.store import SqliteStore
from bindings.store import Message, Store
from engine.clock import SystemClock
from tests.bindings.postgresql.server import PostgreSql

MESSAGES, BATCH = 10_000, 100


async def measure(name: str, store: Store) -> None:
    await store.open()
    queue = store.queue("benchmark")
    start = time.perf_counter()
    for first in range(0, MESSAGES, BATCH):
        await queue.put([Message(str(n), b"x" * 200, {"type": "test"}) for n in range(first, first + BATCH)])
        received = await queue.read(BATCH)
        await queue.settle([Settled(message, Outcome.DONE) for message in received])
    seconds = time.perf_counter() - start
    await queue.close()
    await store.close()
    row(f"store: queue in {name}, batches of {BATCH}", f"{MESSAGES / seconds:,.0f} messages/s")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure("SQLite", SqliteStore(f"sqlite:{folder}/store.db", SystemClock())))
        (Path(folder) / "postgresql").mkdir()
        try:
            server = PostgreSql(Path(folder) / "postgresql", durable=True)
        except pytest.skip.Exception as skipped:
            row("store: queue in PostgreSQL", f"skipped: {skipped}")
            return
        server.start()
        try:
            asyncio.run(measure("PostgreSQL", PostgresStore(server.new_database(), SystemClock())))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
