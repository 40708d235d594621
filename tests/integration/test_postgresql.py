"""Engines whose store is in PostgreSQL: killed, restarted, and two of them at once."""

from __future__ import annotations

import asyncio
import signal
from itertools import pairwise

import aiohttp
from aiohttp import web

from tests.bindings.fakes import eventually
from tests.bindings.postgresql.server import PostgreSql
from tests.integration.apps import serving
from tests.integration.project import Project, Run, until

EVENTS = 60
KEYS = 5
POISON = 7

PIPELINE = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: orders}}
    spec:
      input: {{binding: caller}}
      steps:
        - call: {{app: {{url: {url}}}}}
      delivery: {delivery}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {{name: caller}}
    spec:
      type: bindings.http
      metadata: []
"""
ORDERED = "{orderBy: data.key, deduplicate: {key: data.n}}"


async def post(run: Run, *numbers: int) -> None:
    async with aiohttp.ClientSession() as session:
        for n in numbers:
            async with session.post(f"{run.url}/webhooks/caller", json={"n": n, "key": n % KEYS}) as response:
                assert response.status == 202


def events(run: Run, kind: str) -> int:
    return sum(line.get("events", 1) for line in run.lines if line["kind"] == kind)


class App:
    """Refuses what is `refused`, and answers nothing while it is closed."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.called = 0
        self.refused: set[int] = set()
        self.done: list[int] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        n = (await request.json())["n"]
        self.called += 1
        await self.open.wait()
        if n in self.refused:
            return web.Response(status=422)
        self.done.append(n)
        return web.Response()


async def test_engine_with_its_store_in_postgresql_is_killed_and_nothing_is_lost(
    project: Project, postgresql: PostgreSql
) -> None:
    url = postgresql.new_database()
    app = App()
    app.refused = {POISON}
    async with serving(app.answer) as address:
        project.write("orders.yaml", PIPELINE.format(url=address, delivery=ORDERED))
        run = await project.run("--store", url)
        await until(run, "started", "orders")
        await post(run, *range(EVENTS))
        await eventually(lambda: app.called > 0, 20)
        run.kill()
        assert await run.ended() == -signal.SIGKILL
        app.open.set()
        run = await project.run("--store", url)
        await run.until(lambda _: events(run, "delivered") == EVENTS - 1 and events(run, "dead-lettered") == 1)
        await post(run, 1)
        await until(run, "filtered", "orders")

        assert "orders" in (listed := await project.command("dead-letters", "list", "--store", url))
        assert "422" in listed
        app.refused.clear()
        await project.command("dead-letters", "replay", "--all", "--store", url)
        await run.until(lambda _: events(run, "delivered") == EVENTS)
        assert await run.stop() == 0
    assert set(app.done) == set(range(EVENTS))
    for key in range(KEYS):
        of_key = [n for n in app.done if n % KEYS == key and n != POISON]
        assert all(later >= earlier for earlier, later in pairwise(of_key))
    assert "table bytes" in await project.command("store", "stats", "--store", url)


async def test_store_in_postgresql_that_restarts_is_waited_for(project: Project, own_postgresql: PostgreSql) -> None:
    app = App()
    app.open.set()
    async with serving(app.answer) as address:
        project.write("orders.yaml", PIPELINE.format(url=address, delivery="{}"))
        own_postgresql.stop()
        run = project.spawn("--store", own_postgresql.url)
        await run.until(lambda line: "the store cannot be opened, next try in" in line["message"])
        own_postgresql.start()
        line = await run.until(lambda line: "listens" in line["message"])
        run.url = line["message"].rpartition(" ")[2]
        await until(run, "started", "orders")
        await post(run, 1)
        await until(run, "delivered", "orders")
        own_postgresql.stop()
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{run.url}/webhooks/caller", json={"n": 2, "key": 2}) as response:
                assert response.status == 503
            own_postgresql.start()
            async with asyncio.timeout(20):
                while 3 not in app.done:
                    async with session.post(f"{run.url}/webhooks/caller", json={"n": 3, "key": 3}):
                        await asyncio.sleep(0.05)
        assert await run.stop() == 0
        assert not run.noise


async def test_two_engines_share_the_webhooks_and_the_replays_of_one_store(
    project: Project, postgresql: PostgreSql
) -> None:
    url = postgresql.new_database()
    app = App()
    app.refused = set(range(10))
    async with serving(app.answer) as address:
        project.write("orders.yaml", PIPELINE.format(url=address, delivery="{concurrency: 1}"))
        runs = [await project.run("--store", url) for _ in range(2)]

        def total(kind: str) -> int:
            return sum(events(run, kind) for run in runs)

        for run in runs:
            await until(run, "started", "orders")
        await post(runs[0], *range(EVENTS))
        await eventually(lambda: app.called == 2, 20)  # one call of each
        app.open.set()
        await eventually(lambda: total("delivered") == EVENTS - 10 and total("dead-lettered") == 10, 20)
        app.refused.clear()
        await project.command("dead-letters", "replay", "--all", "--store", url)
        await eventually(lambda: total("delivered") == EVENTS, 20)
        for run in runs:
            assert await run.stop() == 0
    assert sorted(app.done) == list(range(EVENTS))
    assert all(events(run, "delivered") + events(run, "dead-lettered") > 0 for run in runs)
