"""`python -m benchmarks.chaos`: runs, prints the account, and ends with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.chaos.disk import small_disk
from benchmarks.chaos.report import report
from benchmarks.chaos.run import ChaosRun


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the plan (default: another)")
    parser.add_argument("--kills", type=int, default=20, help="lives of the engine (default: 20)")
    parser.add_argument("--events", type=int, default=20_000, help="in all (default: 20000)")
    arguments = parser.parse_args()
    if arguments.kills < 1 or arguments.events < 0:
        parser.error("at least one kill, and no fewer than no events")
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    command = f"--seed {arguments.seed} --kills {arguments.kills} --events {arguments.events}"
    print(f'{datetime.now(UTC):%Y-%m-%d}, {machine}\nmake chaos CHAOS_ARGS="{command}"', flush=True)
    deadline = 60 + 20 * arguments.kills + arguments.events / 50
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder, ".jackfield")) as disk:
        run = ChaosRun(Path(folder), disk, arguments.seed, arguments.kills, arguments.events)
        findings = asyncio.run(run.run(deadline))
    print(f"full disk: {disk.how}\n\n{report(findings)}")
    return 1 if findings.is_broken else 0


if __name__ == "__main__":
    sys.exit(main())
