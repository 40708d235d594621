"""What crash, throughput and memory measure: local queue -> app -> local queue."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from bindings.sqlite.database import Database
from bindings.sqlite.queue import SqliteQueue
from bindings.store import Message
from engine.clock import SystemClock
from tests.integration.project import Project, Run, queues

EVENT_BYTES = 200
AT_ONCE = 2_000  # events in one transaction that fills a queue
PIPELINE = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: copy}}
    spec:
      input: {{binding: source}}
      steps:
        - call: {call}
      outputs: [{{binding: target}}]
""" + queues("source", "target")


def message(n: int) -> Message:
    attributes = {
        "id": str(n),
        "source": "/benchmark",
        "type": "com.example.counted",
        "datacontenttype": "application/json",
    }
    return Message(f"/benchmark {n}", body(n), attributes)


def body(n: int) -> bytes:
    """The data of event number `n`: JSON of 200 bytes."""
    head = f'{{"n": {n}, "text": "'
    return f'{head}{"x" * (EVENT_BYTES - len(head) - 2)}"}}'.encode()


class QueueToQueue(Project):
    """The app is called with batches of 100, or with one event a request."""

    def __init__(self, path: Path, url: str, *, batches: bool = True) -> None:
        path.mkdir()
        super().__init__(path)
        self.queues = path / ".jackfield/queues.db"
        batch = {"batch": {"maxEvents": 100, "maxWait": "20ms"}} if batches else {}
        self.write("copy.yaml", PIPELINE.format(call=json.dumps({"app": {"url": url}, **batch})))

    async def fill(self, events: int) -> None:
        """Puts events into the source, in the form in which `bindings.localqueue` keeps them."""
        database = await Database.acquire(self.queues)
        queue = SqliteQueue(database, "source", SystemClock())
        try:
            for start in range(0, events, AT_ONCE):
                await queue.put([message(n) for n in range(start, min(start + AT_ONCE, events))])
        finally:
            await queue.close()
            await database.release()

    def take_events_of(self, other: QueueToQueue) -> None:
        self.queues.parent.mkdir()
        shutil.copyfile(other.queues, self.queues)

    def is_waiting(self) -> bool:
        """Whether the engine has not settled all events yet."""
        with sqlite3.connect(self.queues) as connection:
            [waits] = connection.execute("SELECT EXISTS (SELECT 1 FROM messages WHERE queue = 'source')").fetchone()
        return bool(waits)

    def arrived(self) -> list[int]:
        """The numbers of the events in the target queue."""
        with sqlite3.connect(self.queues) as connection:
            rows = connection.execute("SELECT data FROM messages WHERE queue = 'target'").fetchall()
        return [json.loads(data)["n"] for (data,) in rows]

    @contextlib.asynccontextmanager
    async def started(self) -> AsyncIterator[Run]:
        """The engine, from when the pipeline begins to read; killed at the end."""
        async with running(self) as run:
            await run.until(lambda line: line["kind"] == "started" and line["pipeline"] == "copy")
            yield run

    async def undisturbed(self) -> float:
        """Seconds from the start of the pipeline to the last event settled."""
        async with self.started() as run:
            start = time.perf_counter()
            while self.is_waiting():
                assert run.process.poll() is None, f"the engine has ended:\n{run.told()}"
                await asyncio.sleep(0.005)
            return time.perf_counter() - start


@contextlib.asynccontextmanager
async def running(project: Project) -> AsyncIterator[Run]:
    """The engine, from when it listens; killed at the end."""
    try:
        yield await project.run()
    finally:
        project.end()


def resident(run: Run) -> float:
    """Megabytes of resident memory of an engine, with all processes that it may have started."""
    engine = psutil.Process(run.process.pid)
    return sum(process.memory_info().rss for process in (engine, *engine.children(recursive=True))) / 1e6
