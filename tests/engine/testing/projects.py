"""Folders with pipelines and tests, for tests of the tests."""

from __future__ import annotations

from pathlib import Path

PIPELINE = """\
apiVersion: jackfield/v1
kind: Pipeline
metadata: {name: orders}
spec:
  input: {binding: queue}
  steps:
    - filter: data.id > 0
    - call: {app: shop, path: /orders, timeout: 10s}
  outputs:
    - {binding: done, when: data.id != 3, metadata: {key: "{{ data.id }}"}}
  delivery:
    retry: {maxAttempts: 3}
---
apiVersion: jackfield/v1
kind: App
metadata: {name: shop}
spec:
  url: http://localhost:1/base
  token: {secretKeyRef: {name: SHOP_TOKEN}}
  auth: {secretStore: secrets}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: secrets}
spec: {type: secretstores.local.env}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: queue}
spec: {type: bindings.memory}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: done}
spec: {type: bindings.memory}
"""

HEAD = """\
apiVersion: jackfield/v1
kind: PipelineTest
metadata: {name: t}
spec:
  pipeline: orders
  secrets: {SHOP_TOKEN: s3cret}
  apps: {shop: {/orders: [200]}}
  tests:
"""


def write_project(folder: Path, tests: str = "", pipeline: str = PIPELINE) -> Path:
    """A folder with the pipeline `orders`; the tests are items of `spec.tests`, and begin in line 9."""
    folder.mkdir(exist_ok=True)
    (folder / "orders.yaml").write_text(pipeline)
    if tests:
        (folder / "orders.test.yaml").write_text(HEAD + tests)
    return folder
