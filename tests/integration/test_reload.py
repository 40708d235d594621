"""A definition that changes a hundred times while events flow: none is lost, none is done twice, the order is kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from bindings.contract import Operation, OutputBinding, Result
from engine.clock import SystemClock
from engine.engine import Engine
from engine.event import Event
from engine.following import follow
from engine.registry import open_store
from engine.report import LineReport
from engine.server import LOOPBACK
from engine.tool import opened_output
from tests.integration.apps import batch_answer, serving
from tests.integration.project import Project
from tests.integration.test_crash import KEYS, PIPELINE, arrived

CHANGES = 100
EVENTS_A_CHANGE = 2 * KEYS
STORE = "sqlite:.jackfield/store.db"


class HastyClock(SystemClock):
    """Looks at the folder so often that the test is not a test of patience."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 20)


class Lines:
    """A sink that can be waited for."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.came = asyncio.Event()

    def write(self, kind: str, pipeline: str, text: str, fields: Mapping[str, object]) -> None:
        self.kinds[kind] += 1
        self.came.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.came.clear()
                await self.came.wait()

    async def until_told(self, kind: str, count: int) -> None:
        await self.until(lambda: self.kinds[kind] >= count)


class App:
    def __init__(self, lines: Lines) -> None:
        self.called_with: list[int] = []
        self._lines = lines

    async def answer(self, request: web.Request) -> web.StreamResponse:
        events = await request.json()
        self.called_with += [event["data"]["n"] for event in events]
        self._lines.came.set()
        return batch_answer(events)

    async def until_called_with(self, more: int) -> None:
        enough = len(self.called_with) + more
        await self._lines.until(lambda: len(self.called_with) >= enough)


class Feeder:
    """Puts events into the queue until it is enough, always a few more than are done."""

    def __init__(self, queue: OutputBinding, app: App, lines: Lines) -> None:
        self.sent = 0
        self.enough = False
        self._queue = queue
        self._app = app
        self._lines = lines

    async def run(self) -> None:
        while not self.enough:
            numbers = range(self.sent, self.sent + KEYS)
            self.sent += KEYS
            results = await self._queue.invoke([_operation(number) for number in numbers])
            assert all(isinstance(result, Result) for result in results)
            await self._lines.until(lambda: self.sent - len(self._app.called_with) < 10 * KEYS)


def _operation(n: int) -> Operation:
    head = {"specversion": "1.0", "id": str(n), "source": "/tests", "type": "test"}
    return Operation("create", Event(head, b'{"n":%d,"key":%d}' % (n, n % KEYS)), {})


@contextlib.asynccontextmanager
async def running(root: Path, lines: Lines) -> AsyncIterator[Engine]:
    """The engine, and the folder that it follows."""
    report = LineReport(lines, SystemClock())
    engine = Engine(open_store(STORE, SystemClock()), SystemClock(), report, LOOPBACK, 0, drain=20.0)
    await engine.start()
    following = asyncio.create_task(follow(root, [], engine, report, lines, HastyClock()))
    try:
        yield engine
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await engine.stop()


@pytest.mark.parametrize("deduplicate", ["", ", deduplicate: {}"])
async def test_changes_under_load_lose_nothing_repeat_nothing_and_keep_the_order(
    project: Project, deduplicate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    lines = Lines()
    app = App(lines)
    async with serving(app.answer) as url, contextlib.AsyncExitStack() as stack:

        def change(number: int) -> None:
            delivery = f"{{orderBy: data.key, retry: {{maxAttempts: {number + 5}}}{deduplicate}}}"
            project.write("copy.yaml", PIPELINE.format(url=url, delivery=delivery))

        change(0)
        queue, _ = await stack.enter_async_context(opened_output("pipelines", STORE, "source"))
        feeder = Feeder(queue, app, lines)
        async with running(Path("pipelines"), lines) as engine:
            feeding = asyncio.create_task(feeder.run())
            for number in range(1, CHANGES + 1):
                await app.until_called_with(EVENTS_A_CHANGE)
                change(number)
                await lines.until_told("swapped", number)
            feeder.enough = True
            await feeding
            await lines.until(lambda: engine.counts["copy"].delivered >= feeder.sent)
    assert lines.kinds.keys() <= {"started", "swapped", "stopped", "delivered"}
    events = list(range(feeder.sent))
    assert Counter(app.called_with) == Counter(events)
    assert sorted(arrived(project)) == events
    for numbers in (app.called_with, arrived(project)):
        for key in range(KEYS):
            assert all(earlier < later for earlier, later in pairwise(n for n in numbers if n % KEYS == key))
