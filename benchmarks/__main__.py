"""`make bench`: every benchmark, one after the other, in one table."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from datetime import UTC, datetime

BENCHMARKS = ("start", "live", "check", "editor", "tests", "fake", "crash", "throughput", "store", "memory")


def main() -> int:
    """The exit status is that of the worst: 1 when an event was lost."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}, Python {platform.python_version()}\n", flush=True)
    return max(importlib.import_module(f"benchmarks.{name}").main() or 0 for name in BENCHMARKS)


if __name__ == "__main__":
    sys.exit(main())
