from __future__ import annotations

import asyncio
from collections import Counter

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
        - call: {{app: shop{call}}}
    ---
    apiVersion: jackfield/v1
    kind: App
    metadata: {{name: shop}}
    spec: {{url: {url}}}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Resiliency
    metadata: {{name: resiliency}}
    spec:
      policies:
        timeouts: {{short: 200ms}}
        retries:
          soon: {{duration: 10ms, maxRetries: 2, matching: {{httpStatusCodes: "404,500-599"}}}}
        circuitBreakers:
          never: {{trip: consecutiveFailures > 1000}}
      targets:
        apps:
          shop: {{timeout: short, retry: soon, circuitBreaker: never}}
""" + queues("source")


class Shop:
    """Answers each event with the status that its data names; `hang` gets no answer."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        data = (await request.read()).decode()
        self.calls[data] += 1
        if data == "hang":
            await asyncio.Event().wait()
        return web.Response(status=int(data))


async def test_resiliency_of_dapr_says_how_long_how_often_and_which_statuses_are_tried_again(project: Project) -> None:
    shop = Shop()
    async with serving(shop.answer) as url:
        project.write("orders.yaml", PIPELINE.format(url=url, call=""))
        run = await project.run()
        await until(run, "started", "orders")
        for data in ("404", "422", "500", "hang"):
            await project.command("send", "source", "--data", data)
        await run.until(lambda _: sum(line["kind"] == "dead-lettered" for line in run.lines) == 4)
        assert await run.stop() == 0
    # A 404 is among the statuses, a 422 is not; what hangs is tried again as every time-out.
    assert shop.calls == {"404": 3, "422": 1, "500": 3, "hang": 3}


async def test_what_the_pipeline_says_itself_wins(project: Project) -> None:
    shop = Shop()
    async with serving(shop.answer) as url:
        project.write("orders.yaml", PIPELINE.format(url=url, call=", retry: {maxAttempts: 1}"))
        run = await project.run()
        await until(run, "started", "orders")
        await project.command("send", "source", "--data", "500")
        await until(run, "dead-lettered", "orders")
        assert await run.stop() == 0
    assert shop.calls == {"500": 1}
