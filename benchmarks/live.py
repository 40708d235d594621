"""How soon a definition that is dropped into the folder runs: from the rename to the line that says so.

The median of 10, while the demo's other pipelines run; bar: below 1 s.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.start import Demo, demo_app
from benchmarks.table import row
from tests.integration.project import until

ROUNDS = 10
PIPELINE = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: dropped-{n}}}
    spec:
      input: {{binding: {{type: bindings.memory}}}}
"""


async def measure(folder: Path) -> None:
    async with demo_app() as port:
        demo = Demo(folder / "demo", port)
        run = await demo.run()
        await until(run, "started", "readings")
        seconds = []
        for n in range(ROUNDS):
            start = time.perf_counter()
            demo.write(f"dropped-{n}.yaml", PIPELINE.format(n=n))
            await until(run, "started", f"dropped-{n}")
            seconds.append(time.perf_counter() - start)
        await run.stop()
    row("live: a dropped file runs after", f"{statistics.median(seconds):.2f} s", "< 1 s")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
