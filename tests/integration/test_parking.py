from __future__ import annotations

import asyncio
import json

from aiohttp import web

from tests.integration.apps import serving
from tests.integration.project import Project, queues, until

PIPELINE = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: orders}}
    spec:
      input: {{binding: source}}
      steps:
        - call: {{app: {{url: {url}}}}}
      delivery: {{orderBy: data.customer, onDeadLetter: park}}
""" + queues("source")


async def test_key_is_parked_by_a_dead_letter_and_released_by_a_command(project: Project) -> None:
    called: list[int] = []
    refused = {1}

    async def app(request: web.Request) -> web.Response:
        number = (await request.json())["n"]
        if number in refused:
            return web.Response(status=422)
        called.append(number)
        return web.Response()

    async with serving(app) as url:
        project.write("orders.yaml", PIPELINE.format(url=url))
        events = [{"n": n, "customer": "ann" if n % 2 else "bob"} for n in range(1, 6)]
        (project.path / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
        run = await project.run()
        await until(run, "started", "orders")
        await project.command("send", "source", "--file", "events.jsonl", "--lines")
        await run.until(lambda _: sum(line["kind"] == "dead-lettered" for line in run.lines) == 3)
        assert "orders  ann  since" in (listed := await project.command("parked", "list"))
        assert "(3 dead letters)" in listed
        refused.clear()
        released = await project.command("parked", "release", "orders", "ann")
        assert released.startswith("released ann: 3 dead letters")
        await run.until(lambda _: sum(line["kind"] == "delivered" for line in run.lines) == 5)
        async with asyncio.timeout(20):
            while await project.command("parked", "list") != "0 parked keys\n":
                pass
        assert await run.stop() == 0
        assert [n for n in called if n % 2] == [1, 3, 5]
