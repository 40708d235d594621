"""A store on a full disk, locked by another process, or damaged: it is said, waited for, and nothing acknowledged."""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.project import Line, Project, Run, queues, until

COPY = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {name: copy}
    spec:
      input: {binding: source}
      steps:
        - filter: data.n > 0
      outputs: [{binding: target}]
      delivery: {deduplicate: {}}
""" + queues("source", "target")
HOOK = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {name: hook}
    spec:
      input: {binding: caller}
      outputs: [{binding: target}]
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: caller}
    spec:
      type: bindings.http
      metadata: [{name: replyTimeout, value: 20s}]
"""


def store(project: Project) -> Path:
    return project.path / ".jackfield/store.db"


def messages(project: Project, queue: str) -> list[Any]:
    """The data of what is in a queue, from the file itself."""
    with closing(sqlite3.connect(project.path / ".jackfield/queues.db")) as connection:
        rows = connection.execute("SELECT data FROM messages WHERE queue = ? ORDER BY seq", (queue,)).fetchall()
    return [json.loads(data) for (data,) in rows]


def limit_files(run: Run, size: int) -> None:
    """No file of the engine may grow beyond it: to SQLite it is a disk that takes nothing any more."""
    resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def damage(path: Path) -> None:
    """All but the first page, after all that was written has come there."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


async def readiness(run: Run) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{run.url}/readyz") as response:
        return response.status, await response.json()


async def post(run: Run, data: object) -> int:
    url = f"{run.url}/webhooks/caller"
    async with aiohttp.ClientSession() as session, session.post(url, json=data) as response:
        return response.status


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)


async def is_ready(run: Run) -> bool:
    return await readiness(run) == (200, {"status": "ready"})


def says(text: str) -> Callable[[Line], bool]:
    return lambda line: line["kind"] == "warning" and text in line["message"]


async def test_full_disk_is_said_and_waited_for(project: Project) -> None:
    project.write("copy.yaml", COPY)
    run = await project.run()
    await until(run, "started", "copy")
    limit_files(run, 4096)
    await project.command("send", "source", "--data", '{"n": 1}')
    await run.until(says("the disk cannot be read or written"))
    status, body = await readiness(run)
    assert status == 503
    assert "the disk cannot be read or written" in body["pipelines"]["copy"]
    assert (messages(project, "source"), messages(project, "target")) == ([{"n": 1}], [])
    limit_files(run, resource.RLIM_INFINITY)
    await until(run, "delivered", "copy")
    await eventually(lambda: is_ready(run))
    assert messages(project, "target") == [{"n": 1}]
    assert await run.stop() == 0
    assert not run.noise


async def test_webhook_is_not_answered_202_before_its_event_is_on_the_disk(project: Project) -> None:
    project.write("hook.yaml", HOOK + queues("target"))
    run = await project.run()
    await until(run, "started", "hook")
    limit_files(run, 4096)
    assert await post(run, {"n": 1}) == 503
    limit_files(run, resource.RLIM_INFINITY)
    await eventually(lambda: _is_taken(run, {"n": 2}))
    await eventually(lambda: _is_in(project, "target", {"n": 2}))
    assert await run.stop() == 0


async def test_store_that_another_process_locks_is_waited_for(project: Project) -> None:
    project.write("hook.yaml", HOOK + queues("target"))
    run = await project.run()
    await until(run, "started", "hook")
    with closing(sqlite3.connect(store(project), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await post(run, {"n": 1}) == 503
        await run.until(says("store.db: another process has been writing to it"))
        other.execute("ROLLBACK")
        await eventually(lambda: _is_taken(run, {"n": 2}))
    await eventually(lambda: _is_in(project, "target", {"n": 2}))
    assert await run.stop() == 0


async def test_store_that_another_process_locks_is_waited_for_at_the_start(project: Project) -> None:
    project.write("copy.yaml", COPY)
    await project.command("send", "source", "--data", '{"n": 1}')
    with closing(sqlite3.connect(store(project), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run = project.spawn()
        await run.until(says("the store cannot be opened, next try in"))
        other.execute("ROLLBACK")
    await until(run, "delivered", "copy")
    assert await run.stop() == 0
    assert not run.noise


async def test_damaged_store_is_refused_at_the_start_with_what_to_do(project: Project) -> None:
    project.write("copy.yaml", COPY)
    run = await project.run()
    await until(run, "started", "copy")
    assert await run.stop() == 0
    store(project).write_bytes(b"what was a database" * 1000)
    said = await project.command("run", status=2)
    assert said.startswith(f"jackfield: error: {store(project)}: it is damaged")
    assert "restore it from a backup" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("file", ["store.db", "queues.db"])
async def test_file_that_gets_damaged_while_the_engine_runs_is_said_and_nothing_acknowledged(
    project: Project, file: str
) -> None:
    project.write("copy.yaml", COPY)
    project.write("hook.yaml", HOOK)
    run = await project.run()
    await until(run, "started", "copy")
    await project.command("send", "source", "--data", '{"n": 1}')
    await until(run, "delivered", "copy")
    await eventually(lambda: _is_empty(project, "source"))
    if file == "store.db":
        damage(store(project))
        await project.command("send", "source", "--data", '{"n": 2}')
    else:
        limit_files(run, 4096)  # so that it is not acknowledged before
        await project.command("send", "source", "--data", '{"n": 2}')
        damage(project.path / ".jackfield" / file)
        limit_files(run, resource.RLIM_INFINITY)
    await run.until(lambda line: f"{file}: it is damaged" in line["message"] and "restore it" in line["message"])
    if file == "store.db":
        assert await post(run, {"n": 3}) == 503
        assert (messages(project, "source"), messages(project, "target")) == ([{"n": 2}], [{"n": 1}])
    await eventually(lambda: _is_unready(run))
    assert [line for line in run.lines if line["kind"] == "delivered"][1:] == []
    run.kill()


async def _is_empty(project: Project, queue: str) -> bool:
    return messages(project, queue) == []


async def _is_in(project: Project, queue: str, data: object) -> bool:
    return data in messages(project, queue)


async def _is_taken(run: Run, data: object) -> bool:
    return await post(run, data) == 202


async def _is_unready(run: Run) -> bool:
    status, body = await readiness(run)
    return status == 503 and "damaged" in str(body)
