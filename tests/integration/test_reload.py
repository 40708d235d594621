"""A definition that changes again and again while events flow: none is lost, none is done twice, the order is kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from aiohttp import web

from tests.integration.apps import serving
from tests.integration.project import Project, until
from tests.integration.test_crash import KEYS, PIPELINE, arrived, send

CHANGES = 8
BATCHES_A_CHANGE = 15


@pytest.mark.parametrize("deduplicate", ["", ", deduplicate: {}"])
async def test_changes_under_load_lose_nothing_repeat_nothing_and_keep_the_order(
    project: Project, deduplicate: str
) -> None:
    called_with: list[int] = []
    calls = asyncio.Semaphore(0)  # so many calls may be answered: the load lasts as long as there are changes

    async def app(request: web.Request) -> web.StreamResponse:
        events = await request.json()
        await calls.acquire()
        called_with.extend(event["data"]["n"] for event in events)
        return web.json_response({"results": [{"id": event["id"]} for event in events]})

    async with serving(app) as url:

        def definition(change: int) -> str:
            return PIPELINE.format(
                url=url, delivery=f"{{orderBy: data.key, retry: {{maxAttempts: {change + 5}}}{deduplicate}}}"
            )

        project.write("copy.yaml", definition(0))
        events = KEYS * BATCHES_A_CHANGE * (CHANGES + 1)
        await send(project, events)
        run = await project.run()
        await until(run, "started", "copy")
        for change in range(1, CHANGES + 1):
            for _ in range(BATCHES_A_CHANGE):
                calls.release()
            seen = len(run.lines)
            project.write("copy.yaml", definition(change))
            releasing = asyncio.create_task(_release_slowly(calls))
            await until(run, "swapped", "copy", seen)
            releasing.cancel()
        for _ in range(events):
            calls.release()
        while len(set(arrived(project))) < events:
            seen = len(run.lines)
            await run.until(lambda line: line["kind"] == "delivered", after=seen)
        assert await run.stop() == 0
    assert not run.noise
    assert [line for line in run.lines if line["kind"] in ("error", "dead-lettered", "refused")] == []
    assert Counter(called_with) == Counter(range(events))
    assert sorted(arrived(project)) == list(range(events))
    for numbers in (called_with, arrived(project)):
        for key in range(KEYS):
            assert all(earlier < later for earlier, later in pairwise(n for n in numbers if n % KEYS == key))


async def _release_slowly(calls: asyncio.Semaphore) -> None:
    """The old revision must get answers to be drained."""
    while True:
        calls.release()
        await asyncio.sleep(0.01)
