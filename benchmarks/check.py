"""How long `jackfield check` takes, as a whole process: `python benchmarks/check.py [FILES]`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        for n in range(files):
            Path(folder, f"pipeline-{n}.yaml").write_text(DEFINITION.format(n=n))
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "engine.cli", "check", folder], check=True)
        seconds = time.perf_counter() - started
    print(f"{files:,} files in {seconds:.2f} s: {files / seconds:,.0f} files/s")


if __name__ == "__main__":
    main()
