"""How soon `jackfield run pipelines/` delivers, and how much memory it takes, with the pipelines of the demo.

The demo's app is up, and orders and a file are waiting. From the start of the process to its first `delivered` line:
the median of 5, bar: below 1.5 s. Resident memory after 10 s of traffic, bar: below 90 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp

from benchmarks.project import resident, running
from benchmarks.table import row
from tests.integration.project import ROOT, Line, Project

ROUNDS = 5
TRAFFIC_SECONDS = 10


class Demo(Project):
    """The pipelines of the demo in a folder of their own, with the app where it listens."""

    def __init__(self, path: Path, port: int) -> None:
        path.mkdir()
        super().__init__(path)
        shutil.copytree(ROOT / "pipelines", path / "pipelines", dirs_exist_ok=True)
        app = path / "pipelines/app.yaml"
        app.write_text(app.read_text().replace(":8077", f":{port}"))
        (path / ".jackfield/demo/inbox").mkdir(parents=True)

    async def feed(self, turn: int) -> None:
        """Two orders into the queue, a letter into the inbox."""
        orders = [{"id": f"{turn}-{n}", "sku": "tea", "quantity": n} for n in (1, 2)]
        (self.path / "orders.jsonl").write_text("".join(json.dumps(order) + "\n" for order in orders))
        await self.command("send", "orders", "--file", "orders.jsonl", "--lines")
        (self.path / f".jackfield/demo/inbox/letter-{turn}.txt").write_text("events flow from here to there")


@contextlib.asynccontextmanager
async def demo_app() -> AsyncIterator[int]:
    """Gives the port on which the demo's app listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    process = await asyncio.create_subprocess_exec(
        sys.executable, ROOT / "examples/demo/app.py", env={**os.environ, "PORT": str(port)}
    )
    try:
        await _listens(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def first_delivery(demo: Demo) -> float:
    """Seconds from the start of the process."""
    await demo.feed(0)
    start = time.perf_counter()
    async with running(demo) as run:
        await run.until(is_delivered)
        return time.perf_counter() - start


async def memory_under_traffic(demo: Demo) -> float:
    """Megabytes."""
    async with running(demo) as run, aiohttp.ClientSession() as session:
        await run.until(lambda line: line["kind"] == "started" and line["pipeline"] == "payments")
        end = time.monotonic() + TRAFFIC_SECONDS
        turn = 0
        while time.monotonic() < end:
            await demo.feed(turn)
            payment = {"payment": turn, "amount": 25}
            async with session.post(f"{run.url}/webhooks/payment-hook", json=payment) as response:
                assert response.status == 202
            turn += 1
        for pipeline in ("orders", "documents", "payments", "readings"):
            await run.until(delivered_by(pipeline))
        return resident(run)


def is_delivered(line: Line) -> bool:
    return bool(line["kind"] == "delivered")


def delivered_by(pipeline: str) -> Callable[[Line], bool]:
    return lambda line: is_delivered(line) and line["pipeline"] == pipeline


async def measure(folder: Path) -> None:
    async with demo_app() as port:
        seconds = [await first_delivery(Demo(folder / str(n), port)) for n in range(ROUNDS)]
        megabytes = await memory_under_traffic(Demo(folder / "traffic", port))
    row("start: process start to the first delivered event", f"{statistics.median(seconds):.2f} s", "< 1.5 s")
    row("start: memory, the demo after 10 s of traffic", f"{megabytes:.0f} MB", "< 90 MB")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
