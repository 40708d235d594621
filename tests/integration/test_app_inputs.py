"""A Dapr app with an input and an output binding, as Dapr's quickstart of bindings has them."""

from __future__ import annotations

import sys

from tests.bindings.fakes import eventually
from tests.integration.apps import free_port
from tests.integration.project import Project

COMPONENTS = """
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: cron, namespace: quickstarts}
    spec:
      type: bindings.cron
      version: v1
      metadata:
        - {name: schedule, value: "@every 1s"}
        - {name: direction, value: input}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: files}
    spec:
      type: bindings.localstorage
      version: v1
      metadata: [{name: rootPath, value: files}]
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: orders}
    spec: {type: bindings.localqueue, version: v1}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: unrelated}
    spec: {type: bindings.localqueue, version: v1}
"""
APP = """
import os
from dapr.clients import DaprClient
from flask import Flask, request

app = Flask("batch")

@app.post("/cron")
def on_cron():
    with DaprClient() as client:
        client.invoke_binding("files", "create", "tick", {"fileName": "tick.txt"})
        client.invoke_binding("orders", "create", '{"n": 1}')
    print("cron done", flush=True)
    return "done"

@app.post("/orders")
def on_order():
    print("order", request.get_json(), flush=True)
    return {"to": ["files"], "data": "order"}

app.run(port=int(os.environ["APP_PORT"]))
"""


async def test_app_gets_its_input_bindings_and_uses_its_outputs(project: Project) -> None:
    (project.path / "app.py").write_text(APP)
    project.write("components.yaml", COMPONENTS)
    app = ["--app-id", "batch", "--app-port", str(free_port()), "--", sys.executable, "-W", "ignore", "app.py"]
    run = await project.run(*app)
    await run.until(lambda line: line["kind"] == "delivered" and line["pipeline"] == "orders.batch")
    wanted = {"== APP == cron done\n", "== APP == order {'n': 1}\n"}
    await eventually(lambda: wanted <= set(run.noise))
    await run.stop()
    assert "tick" in {path.read_text() for path in (project.path / "files").iterdir()}
    assert {line["pipeline"] for line in run.lines if line["kind"] == "started"} == {
        "jackfield",
        "cron.batch",
        "orders.batch",
    }
