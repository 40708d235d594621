"""How long `jackfield check` takes for 1,000 files, as a whole process; bar: below 2 s."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import row

DEFINITION = """\
apiVersion: jackfield/v1
kind: Pipeline
metadata:
  name: pipeline-{n}
spec:
  input:
    binding: queue-{n}
  event:
    type: com.example.order.created
    subject: "{{{{ metadata.key{n} }}}}"
  steps:
    - filter: data.amount > {n}
    - transform: {{id: "{{{{ data.id }}}}-{n}", total: "{{{{ data.total | int + {n} }}}}"}}
    - call:
        app: {{url: http://localhost:8000}}
        path: /orders
  delivery:
    concurrency: 8
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: queue-{n}
spec:
  type: bindings.memory
  metadata:
    - {{name: capacity, value: "500"}}
"""


FILES = 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for n in range(FILES):
            Path(folder, f"pipeline-{n}.yaml").write_text(DEFINITION.format(n=n))
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "engine.cli", "check", folder], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
    row(f"check: {FILES:,} files, each a pipeline and a component", f"{seconds:.2f} s", "< 2 s")


if __name__ == "__main__":
    main()
