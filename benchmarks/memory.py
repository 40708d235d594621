"""A million events wait and the app is slow: the engine reads only what it has room for, so its memory is flat.

The events have 200 bytes; the app takes half a second for a batch of 100. Bar: over 10 s, resident memory is never
more than 40 MB above that of the engine when its pipeline starts, although 200 MB of data are waiting.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from aiohttp import web

from benchmarks.project import QueueToQueue, resident
from benchmarks.table import row
from tests.integration.apps import serving

EVENTS = 1_000_000
SECONDS = 10


async def slow_app(request: web.Request) -> web.Response:
    await request.read()
    await asyncio.sleep(0.5)
    return web.Response()


async def measure(folder: Path) -> None:
    async with serving(slow_app) as url:
        project = QueueToQueue(folder / "project", url)
        await project.fill(EVENTS)
        async with project.started() as run:
            samples = [resident(run)]
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                await asyncio.sleep(0.05)
                samples.append(resident(run))
    row(f"memory: at the start, {EVENTS:,} events waiting", f"{samples[0]:.0f} MB")
    row(f"memory: most within {SECONDS} s, slow app", f"{max(samples):.0f} MB", "start + 40 MB")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
