"""Kill the engine at any instant: every event is finished, or comes again."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
from itertools import pairwise

from aiohttp import web

from tests.integration.apps import batch_answer, serving
from tests.integration.project import Project, Run, queues

EVENTS = 2_000
ORDERED = 600
KEYS = 10
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
      delivery: {delivery}
""" + queues("source", "target")


def arrived(project: Project) -> list[int]:
    """The numbers of the events in the target queue, in their order, read from the file itself."""
    with sqlite3.connect(project.path / ".jackfield/queues.db") as connection:
        rows = connection.execute("SELECT data FROM messages WHERE queue = 'target' ORDER BY seq")
        return [json.loads(data)["n"] for (data,) in rows]


class Killer:
    """An app that counts its calls, and kills the engine at one of them."""

    def __init__(self, seed: int) -> None:
        self.calls = 0
        self.called_with: list[int] = []
        self._draw = random.Random(seed)
        self._victim: Run | None = None
        self._at = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        events = await request.json()
        self.called_with += [event["data"]["n"] for event in events]
        if self._victim is not None and self.calls >= self._at:
            self._victim.kill()
        return batch_answer(events)

    async def run_until_killed(self, project: Project, calls: int) -> None:
        """Runs the engine until it has made at most so many calls."""
        self._at = self.calls + self._draw.randint(1, calls)
        self._victim = await project.run()
        assert await self._victim.ended() == -signal.SIGKILL
        self._victim = None

    async def run_to_the_end(self, project: Project, events: int) -> None:
        run = await project.run()
        while len(arrived(project)) < events:
            seen = len(run.lines)
            await run.until(lambda line: line["kind"] == "delivered", after=seen)
        assert await run.stop() == 0


async def send(project: Project, events: int) -> None:
    (project.path / "events.jsonl").write_text("".join(f'{{"n": {n}, "key": {n % KEYS}}}\n' for n in range(events)))
    await project.command("send", "source", "--file", "events.jsonl", "--lines")


async def test_no_event_is_lost_when_the_engine_is_killed_again_and_again(project: Project) -> None:
    killer = Killer(seed=7)
    async with serving(killer.answer) as url:
        project.write("copy.yaml", PIPELINE.format(url=url, delivery="{}"))
        await send(project, EVENTS)
        for _ in range(KILLS):
            await killer.run_until_killed(project, calls=4)
        await killer.run_to_the_end(project, EVENTS)
    assert sorted(arrived(project)) == list(range(EVENTS))


async def test_order_and_deduplication_hold_when_the_engine_is_killed_again_and_again(project: Project) -> None:
    killer = Killer(seed=8)
    async with serving(killer.answer) as url:
        project.write("copy.yaml", PIPELINE.format(url=url, delivery="{orderBy: data.key, deduplicate: {window: 1h}}"))
        await send(project, ORDERED)
        for _ in range(KILLS):
            await killer.run_until_killed(project, calls=10)
        await killer.run_to_the_end(project, ORDERED)
    assert sorted(arrived(project)) == list(range(ORDERED))
    for key in range(KEYS):
        of_key = list(range(key, ORDERED, KEYS))
        assert [n for n in arrived(project) if n % KEYS == key] == of_key
        # What was under way when the engine was killed is repeated, and nothing before it.
        calls = [n for n in killer.called_with if n % KEYS == key]
        assert all(later >= earlier for earlier, later in pairwise(calls))
        assert len(calls) - len(of_key) <= KILLS
