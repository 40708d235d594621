"""Kill the engine at any instant: every event is finished, or comes again."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
from pathlib import Path

from aiohttp import web

from tests.integration.apps import batch_answer, serving
from tests.integration.project import Project

EVENTS = 2_000
KILLS = 5

PIPELINE = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: copy}}
    spec:
      input: {{binding: source}}
      steps:
        - call:
            app: {{url: {url}}}
            batch: {{maxEvents: 100, maxWait: 5ms}}
      outputs: [{{binding: target}}]
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {{name: source}}
    spec: {{type: bindings.localqueue, metadata: []}}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {{name: target}}
    spec: {{type: bindings.localqueue, metadata: []}}
"""


def arrived(project: Path) -> set[int]:
    """The numbers of the events in the target queue, read from the file itself."""
    with sqlite3.connect(project / ".jackfield/queues.db") as connection:
        rows = connection.execute("SELECT data FROM messages WHERE queue = 'target'")
        return {json.loads(data)["n"] for (data,) in rows}


async def test_no_event_is_lost_when_the_engine_is_killed_again_and_again(project: Project) -> None:
    draw = random.Random(7)
    calls = 0
    kill_at = 0
    killing = None

    async def app(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if killing is not None and calls >= kill_at:
            killing.process.send_signal(signal.SIGKILL)
        return batch_answer(await request.json())

    async with serving(app) as url:
        project.write("copy.yaml", PIPELINE.format(url=url))
        (project.path / "events.jsonl").write_text("".join(f'{{"n": {n}}}\n' for n in range(EVENTS)))
        await project.command("send", "source", "--file", "events.jsonl", "--lines")
        for _ in range(KILLS):
            killing, kill_at = None, calls + draw.randint(1, 4)
            killing = await project.run()
            assert await killing.ended() == -signal.SIGKILL
        killing = None
        run = await project.run()
        while len(arrived(project.path)) < EVENTS:
            seen = len(run.lines)
            await run.until(lambda line: line["kind"] == "delivered", after=seen)
        assert await run.stop() == 0
    assert arrived(project.path) == set(range(EVENTS))
