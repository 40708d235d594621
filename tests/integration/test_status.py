"""`jackfield status` of an engine that runs: what waits, and why."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.apps import free_port
from tests.integration.project import Project, queues, until

GOOD = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {name: good}
    spec:
      input: {binding: in}
      outputs: [{binding: out}]
"""
AWAY = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {name: away}
    spec:
      input:
        binding: {type: bindings.rabbitmq, metadata: {host: "amqp://127.0.0.1:PORT/", queueName: orders}}
      outputs: [{binding: out}]
"""
PAUSED = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {name: paused}
    spec:
      input: {binding: {type: bindings.cron, metadata: {schedule: "@every 1s"}}}
      steps: [{call: {app: {url: "http://127.0.0.1:PORT"}}}]
      delivery: {circuitBreaker: {failures: 1}}
"""
REFUSED = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {name: refused}
    spec:
      input: {binding: {type: bindings.localstorage, metadata: {rootPath: a-file}}}
      outputs: [{binding: out}]
"""


async def test_status_says_what_runs_what_waits_and_why(project: Project, tmp_path: Path) -> None:
    (project.path / "a-file").write_text("")
    port = str(free_port())
    project.write("good.yaml", GOOD + queues("in", "out"))
    for name, text in (("away", AWAY), ("paused", PAUSED), ("refused", REFUSED)):
        project.write(f"{name}.yaml", text.replace("PORT", port))
    run = await project.run()
    await until(run, "started", "good")
    await until(run, "waiting", "away")
    await until(run, "refused", "refused")
    await until(run, "paused", "paused")
    text = await project.command("status", "--url", run.url, status=1)
    lines = text.splitlines()
    assert [line.split()[:2] for line in lines if not line.startswith(" ")] == [
        ["waiting", "away"],
        ["running", "good"],
        ["paused", "paused"],
        ["refused", "refused"],
    ]
    assert "does not answer" in lines[1]
    assert "steps[0].call is waited for: " in text
    assert "<- in" in text
    answer = json.loads(await project.command("status", "--url", run.url, "--format", "json", status=1))
    assert answer["pipelines"]["good"]["state"] == "running"
    assert answer["pipelines"]["away"]["problem"]
    await run.stop()


async def test_status_is_fine_when_all_runs(project: Project) -> None:
    project.write("good.yaml", GOOD + queues("in", "out"))
    run = await project.run()
    await until(run, "started", "good")
    assert (await project.command("status", "--url", run.url)).startswith("running  good  0 done, 0 filtered  <- in")
    await run.stop()


async def test_status_without_an_engine_says_so(project: Project) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    text = await project.command("status", "--url", url, status=2)
    assert f"no engine answers at {url}: " in text
    assert "jackfield run" in text
    assert "is no address of an engine" in await project.command("status", "--url", "shop", status=2)
