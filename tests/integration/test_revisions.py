"""Revisions through the commands and a running engine: seen, rolled back to, and used again for replays."""

from __future__ import annotations

import json
import signal
import sqlite3

from aiohttp import web

from tests.bindings.fakes import eventually
from tests.integration.apps import serving
from tests.integration.project import Project, Run, queues, until
from tests.integration.test_crash import arrived
from tests.integration.test_live import contents, copying

EVENTS = 60
KILLS = 3

CALLING = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: copy}}
    spec:
      input: {{binding: source}}
      steps:
        - call: {{app: {{url: {url}}}, path: {path}}}
      outputs: [{{binding: target}}]
""" + queues("source", "target")


async def revisions(project: Project) -> list[dict[str, object]]:
    lines = (await project.command("revisions", "copy", "--format", "json")).splitlines()
    return [json.loads(line) for line in lines]


async def test_a_changed_file_makes_a_revision_and_a_rollback_makes_the_one_before_run(project: Project) -> None:
    first = copying("copy", "a", "b", "old")
    path = project.write("copy.yaml", first)
    before = path.read_text()
    run = await project.run()
    old = (await until(run, "started", "copy"))["revision"]
    path.write_text("# a note\n" + before.replace("mark: old", "mark: new"))
    new = (await until(run, "swapped", "copy"))["revision"]
    assert [(one["revision"], one["isLast"]) for one in await revisions(project)] == [(new, True), (old, False)]

    seen = len(run.lines)
    told = await project.command("rollback", "copy")
    assert "mark: new" in told
    assert path.read_text() == "# a note\n" + before
    assert (await until(run, "swapped", "copy", seen))["revision"] == old
    await project.command("send", "a", "--data", '{"n": 1}')
    await until(run, "delivered", "copy", seen)
    assert contents(project, "b") == [{"n": 1, "mark": "old"}]
    assert [(one["revision"], one["isLast"]) for one in await revisions(project)] == [(old, True), (new, False)]
    assert await run.stop() == 0
    assert not run.noise


class App:
    """Refuses all at first; later it takes all, and kills the engine at some calls."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.refuses = True
        self.victim: Run | None = None
        self.calls_left = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        if self.refuses:
            return web.Response(status=422)
        self.paths.add(request.path)
        self.calls_left -= 1
        if self.victim is not None and self.calls_left <= 0:
            self.victim.kill()
        return web.Response(status=200)


def dead_letters(project: Project) -> int:
    with sqlite3.connect(project.path / ".jackfield/store.db") as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM dead_letters")
        return int(count)


async def test_replays_by_the_revision_that_failed_lose_nothing_when_the_engine_is_killed_again_and_again(
    project: Project,
) -> None:
    app = App()
    async with serving(app.answer) as url:
        project.write("copy.yaml", CALLING.format(url=url, path="/old"))
        (project.path / "events.jsonl").write_text("".join(f'{{"n": {n}}}\n' for n in range(EVENTS)))
        await project.command("send", "source", "--file", "events.jsonl", "--lines")
        run = await project.run()
        await until(run, "started", "copy")
        await eventually(lambda: dead_letters(project) == EVENTS, timeout=20)
        project.write("copy.yaml", CALLING.format(url=url, path="/new"))
        await until(run, "swapped", "copy")
        assert [one["deadLetters"] for one in await revisions(project)] == [0, EVENTS]
        app.refuses = False

        app.victim, app.calls_left = run, 5
        await project.command("dead-letters", "replay", "--all", "--revision", "failed")
        assert await run.ended() == -signal.SIGKILL
        for _ in range(KILLS - 1):
            app.calls_left = 5
            app.victim = await project.run()
            assert await app.victim.ended() == -signal.SIGKILL
        app.victim = None
        run = await project.run()
        await eventually(lambda: len(set(arrived(project))) == EVENTS, timeout=20)
        assert await run.stop() == 0
    assert sorted(set(arrived(project))) == list(range(EVENTS))
    assert app.paths == {"/old"}
    assert [one["deadLetters"] for one in await revisions(project)] == [0, 0]
