"""The end of `jackfield run`: what is under way is finished, or comes again."""

from __future__ import annotations

import asyncio
import signal

from aiohttp import web

from tests.integration.apps import serving
from tests.integration.project import Project, until
from tests.integration.test_bad_input import PIPELINE


class SlowApp:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.called.set()
        await self.may_answer.wait()
        return web.Response()


async def test_sigterm_finishes_what_is_under_way(project: Project) -> None:
    app = SlowApp()
    async with serving(app.answer) as url:
        project.write("calls.yaml", PIPELINE.format(url=url).replace("300ms", "30s"))
        run = await project.run()
        await project.command("send", "source", "--data", "one")
        await app.called.wait()
        run.process.send_signal(signal.SIGTERM)
        app.may_answer.set()
        assert await run.ended() == 0
    assert [line["kind"] for line in run.lines if line["pipeline"] == "calls"] == ["started", "delivered", "stopped"]


async def test_what_is_not_finished_within_the_drain_comes_again_at_once(project: Project) -> None:
    app = SlowApp()
    async with serving(app.answer) as url:
        project.write("calls.yaml", PIPELINE.format(url=url).replace("300ms", "30s"))
        run = await project.run("--drain", "100ms")
        await project.command("send", "source", "--data", "one")
        await app.called.wait()
        assert await run.stop() == 0
        app.may_answer.set()
        again = await project.run()
        await until(again, "delivered", "calls")
        assert await again.stop() == 0


async def test_a_second_signal_ends_at_once_and_loses_nothing(project: Project) -> None:
    app = SlowApp()
    async with serving(app.answer) as url:
        project.write("calls.yaml", PIPELINE.format(url=url).replace("300ms", "30s"))
        run = await project.run()
        await project.command("send", "source", "--data", "one")
        await app.called.wait()
        run.process.send_signal(signal.SIGTERM)
        await run.until(lambda line: line["kind"] == "draining")
        ended = asyncio.ensure_future(run.ended())
        while not ended.done():  # one that comes too soon counts as the same
            run.process.send_signal(signal.SIGTERM)
            await asyncio.wait({ended}, timeout=0.05)
        assert await ended == 130
        assert run.lines[-1]["message"].startswith("ended at once")
        app.may_answer.set()
        again = await project.run()
        await until(again, "delivered", "calls")
        assert await again.stop() == 0
