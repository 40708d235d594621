"""How long `jackfield test` takes for 100 tests of a pipeline with a call and an output, as a whole process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import row

TESTS = 100
ROOT = Path(__file__).parents[1]

HEAD = """\
apiVersion: jackfield/v1
kind: PipelineTest
metadata: {name: orders}
spec:
  pipeline: orders
  tests:
"""
TEST = """\
    - name: order {n} is tried again and priced
      events: [{{data: {{id: {n}, sku: tea, quantity: 2}}}}]
      apps: {{demo: {{/orders: [503, 500, {{data: {{id: {n}, total: 50}}}}]}}}}
      expect:
        calls: [{{path: /orders, times: 3}}]
        outputs: [{{binding: priced-orders, data: {{id: {n}, total: 50}}}}]
        outcomes: [done]
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("orders.yaml", "app.yaml"):
            Path(folder, name).write_text((ROOT / "pipelines" / name).read_text())
        tests = "".join(TEST.format(n=n) for n in range(1, TESTS + 1))
        Path(folder, "orders.test.yaml").write_text(HEAD + tests)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "engine.cli", "test", folder], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
    row(f"test: {TESTS} tests of a pipeline", f"{seconds:.2f} s", "< 2 s")


if __name__ == "__main__":
    main()
