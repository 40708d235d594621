"""Kill the engine again and again: what is lost, what comes twice, and how long it takes.

20,000 events go from a local queue in batches of 100 through an app to a local queue. Five times the engine is killed
with SIGKILL at a random instant on the way, and started again. Bar: no event is lost (exit status 1 otherwise). A call
that was under way when the engine died is made again, so the app sees some events twice; the target queue knows them
by their ids and holds each once.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from aiohttp import web

from benchmarks.project import QueueToQueue
from benchmarks.table import row
from tests.integration.apps import serving

EVENTS = 20_000
KILLS = 5


async def measure(folder: Path) -> int:
    called: Counter[str] = Counter()

    async def app(request: web.Request) -> web.Response:
        called.update(event["id"] for event in await request.json())
        return web.Response()

    async with serving(app) as url:
        calm = QueueToQueue(folder / "calm", url)
        await calm.fill(EVENTS)
        killed = QueueToQueue(folder / "killed", url)
        killed.take_events_of(calm)
        undisturbed = await calm.undisturbed()
        called.clear()
        start = time.perf_counter()
        for _ in range(KILLS):
            async with killed.started() as run:
                await asyncio.sleep(random.uniform(0, undisturbed / KILLS))
                run.kill()
                assert await run.ended() == -signal.SIGKILL
            assert killed.is_waiting(), "the engine had finished before it was killed"
        await killed.undisturbed()
        seconds = time.perf_counter() - start
    arrived = Counter(killed.arrived())
    lost = EVENTS - len(arrived)
    row(f"crash: {EVENTS:,} events, nobody kills", f"{EVENTS / undisturbed:,.0f} events/s")
    row(f"crash: lost, {KILLS} SIGKILL", f"{lost} events", "0")
    row("crash: twice in the target queue", f"{arrived.total() - len(arrived)} events")
    row("crash: twice at the app", f"{called.total() - len(called):,} events")
    row(f"crash: in total, with {KILLS + 1} starts", f"{seconds:.1f} s")
    return 1 if lost else 0


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
