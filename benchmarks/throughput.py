"""Events a second through the engine, beside the same work done by a bare loop: what the engine costs.

The engine and the app are processes of their own; the events have 200 bytes and wait in a local queue. Three rounds,
interleaved; the medians.

- In batches of 100, queue -> app -> queue, against a loop over the same table: read 100, delete 100, insert 100 in
  one transaction, at the same durability. The loop calls no app, so the ratio is the share of what SQLite alone could
  do here.
- One POST an event, 16 side by side, against a client that posts the same bodies to the same app, and does nothing
  else.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp

from benchmarks.app import app_process
from benchmarks.project import QueueToQueue, body
from benchmarks.table import row
from bindings.sqlite.connection import connect

ROUNDS = 3
BATCHED, SINGLE = 20_000, 5_000
CONCURRENCY = 16  # the default of a pipeline

COLUMNS = "id, data, attributes, metadata"
READ = f"SELECT seq, {COLUMNS} FROM messages WHERE queue = 'source' ORDER BY seq LIMIT 100"  # noqa: S608
DELETE = "DELETE FROM messages WHERE seq = ?"
INSERT = f"INSERT INTO messages (queue, {COLUMNS}) VALUES ('target', ?, ?, ?, ?)"  # noqa: S608


def bare_sqlite(queues: Path) -> float:
    """Seconds to move all events from one queue to the other."""
    with closing(connect(queues)) as connection:  # as the engine opens it: WAL, and synchronous is FULL
        start = time.perf_counter()
        while True:
            connection.execute("BEGIN IMMEDIATE")
            rows = connection.execute(READ).fetchall()
            connection.executemany(DELETE, [row[:1] for row in rows])
            connection.executemany(INSERT, [row[1:] for row in rows])
            connection.execute("COMMIT")
            if not rows:
                return time.perf_counter() - start


async def bare_client(url: str) -> float:
    """Seconds to post all bodies."""
    bodies = [body(n) for n in range(SINGLE)]
    left = iter(bodies)
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session:
        start = time.perf_counter()
        async with asyncio.TaskGroup() as posts:
            for _ in range(CONCURRENCY):
                posts.create_task(_post(session, url, left))
        return time.perf_counter() - start


async def _post(session: aiohttp.ClientSession, url: str, bodies: Iterator[bytes]) -> None:
    for data in bodies:
        async with session.post(url, data=data) as response:
            assert response.status == 200
            await response.read()


async def measure(folder: Path) -> None:
    seconds: dict[str, list[float]] = {"batched": [], "sqlite": [], "single": [], "client": []}
    async with app_process() as url:
        many = QueueToQueue(folder / "many", url)
        await many.fill(BATCHED)
        few = QueueToQueue(folder / "few", url)
        await few.fill(SINGLE)
        for n in range(ROUNDS):
            batched = QueueToQueue(folder / f"batched-{n}", url)
            batched.take_events_of(many)
            seconds["batched"].append(await batched.undisturbed())
            sqlite = QueueToQueue(folder / f"sqlite-{n}", url)
            sqlite.take_events_of(many)
            seconds["sqlite"].append(bare_sqlite(sqlite.queues))
            single = QueueToQueue(folder / f"single-{n}", url, batches=False)
            single.take_events_of(few)
            seconds["single"].append(await single.undisturbed())
            seconds["client"].append(await bare_client(url))
    took = {name: statistics.median(rounds) for name, rounds in seconds.items()}
    row("throughput: batches of 100, queue -> app -> queue", f"{BATCHED / took['batched']:,.0f} events/s")
    row("throughput: bare SQLite loop", f"{BATCHED / took['sqlite']:,.0f} events/s")
    row("throughput: engine / bare SQLite", f"{took['sqlite'] / took['batched']:.2f}")
    row("throughput: one POST an event, queue -> app -> queue", f"{SINGLE / took['single']:,.0f} events/s")
    row("throughput: bare aiohttp client", f"{SINGLE / took['client']:,.0f} events/s")
    row("throughput: engine / bare client", f"{took['client'] / took['single']:.2f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
