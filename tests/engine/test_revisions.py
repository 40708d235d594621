"""Replays by the revision that failed: it runs beside the current one, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from bindings.memory.output import MemoryOutput
from bindings.store import DeadLetter
from engine.clock import VirtualClock
from engine.engine import Engine
from engine.errors import NotReady
from engine.event import Event
from engine.history import History
from engine.old_revision import LINGER
from engine.replay import message_of, replay
from engine.server import LOOPBACK
from engine.testing.memory_store import MemoryStore
from tests.bindings.fakes import eventually
from tests.engine.definitions.folders import app, component, documents, pipeline, report_of
from tests.engine.test_engine import Diary
from tests.integration.apps import serving

EVENT = Event({"specversion": "1.0", "id": "7", "source": "/s", "type": "t"}, b'{"n":"failed"}')
ORIGIN = Event({"specversion": "1.0", "id": "7", "source": "/s", "type": "t"}, b'{"n":"origin"}')


class Bench:
    """An engine whose pipeline `p` transforms, and calls `/<its version>` of an app that writes down its calls."""

    def __init__(self, root: Path) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.calls: list[tuple[str, str]] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.diary = Diary()
        self.url = ""
        self._root = root
        self.engine = self._engine()

    def _engine(self) -> Engine:
        return Engine(self.store, self.clock, self.diary, LOOPBACK, 0, drain=0.2)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((request.path, (await request.text()).replace(" ", "")))
        await self.answering.wait()
        return web.Response(status=200)

    async def run(self, version: str, more: str = "") -> str:
        """Makes this version the current one; gives its revision."""
        spec = f"""\
  steps:
    - transform: {{n: {version}}}
    - call: {{app: a, path: /{version}}}
{more}"""
        token = "  auth: {secretStore: s}\n  token: {secretKeyRef: {name: TOKEN}}\n"
        parts = [
            app(token).replace("http://localhost:8000", self.url),
            component(name="s", type="secretstores.local.env"),
        ]
        report = await report_of(self._root, {"p.yaml": documents(pipeline(spec), *parts)})
        assert not report.diagnostics
        await self.engine.apply(report.definitions)
        return (await History(self.store, self.clock).revisions("p"))[0].id

    async def restart(self) -> None:
        await self.engine.stop()
        self.engine = self._engine()
        await self.engine.start()

    async def replay(self, revision: str, id: str = "a", *, from_start: bool = False) -> None:
        """Replays a dead letter of a revision, which failed at the call, by that revision."""
        letter = DeadLetter(
            id, "p", revision, "steps[1].call", EVENT, ORIGIN, {}, "no", None, None, attempts=1, time=1.0, key="k"
        )
        await self.store.add_dead_letters([letter])
        await replay(self.store, [letter], from_start, as_failed=True)

    async def until_delivered(self, count: int = 1) -> None:
        await eventually(lambda: self.diary.lines.count("delivered 7") == count)

    async def until_dead(self) -> DeadLetter:
        async with asyncio.timeout(5):
            while not (letters := await self.letters()):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.005)
        (letter,) = letters
        return letter

    async def letters(self) -> list[DeadLetter]:
        return list(await self.store.dead_letters())


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setenv("TOKEN", "secret")

    made = Bench(tmp_path)
    async with serving(made.answer) as made.url:
        await made.engine.start()
        yield made
        made.answering.set()
        await made.engine.stop()


@pytest.mark.parametrize(("from_start", "data"), [(False, "failed"), (True, "old")])
async def test_replay_is_done_by_the_revision_that_failed_from_where_it_failed_or_from_the_start(
    bench: Bench, from_start: bool, data: str
) -> None:
    old = await bench.run("old")
    await bench.run("new")
    await bench.replay(old, from_start=from_start)
    await bench.until_delivered()
    assert bench.calls == [("/old", f'{{"n":"{data}"}}')]
    assert not await bench.letters()


async def test_replay_of_the_revision_that_runs_is_done_by_it(bench: Bench) -> None:
    await bench.replay(await bench.run("new"))
    await bench.until_delivered()
    assert bench.calls == [("/new", '{"n":"failed"}')]
    assert not await bench.store.queues("replay/p@")


async def test_schema_file_is_that_of_the_revision(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"properties": {"n": {"const": "old"}}}')
    old = await bench.run("old", "    - validate: s.json\n")
    (tmp_path / "s.json").unlink()
    await bench.run("new")
    await bench.replay(old)
    await eventually(lambda: "dead-lettered 7" in bench.diary.lines)
    await bench.replay(old, "b", from_start=True)
    await bench.until_delivered()
    (letter,) = await bench.letters()
    assert (letter.revision, letter.stage) == (old, "steps[2].validate")


async def test_history_that_is_gone_makes_dead_letters_again_as_they_were(bench: Bench) -> None:
    await bench.run("new")
    await bench.replay("gone", from_start=True)
    letter = await bench.until_dead()
    assert (letter.id, letter.revision, letter.stage) == ("a", "gone", "steps[1].call")
    assert (letter.event, letter.origin, letter.key) == (EVENT, ORIGIN, "k")
    assert letter.error == (
        "the old revision gone, which failed, cannot run again: revision gone of p is not kept any more (replay with "
        "--revision current)"
    )


async def test_definition_that_is_refused_today_makes_dead_letters_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await bench.run("old")
    await bench.run("new")
    monkeypatch.delenv("TOKEN")
    await bench.replay(old)
    letter = await bench.until_dead()
    assert f"p.yaml of revision {old}:" in letter.error
    assert "TOKEN" in letter.error
    monkeypatch.setenv("TOKEN", "another")
    await replay(bench.store, [letter], from_start=False, as_failed=True)
    await bench.until_delivered()


async def test_restart_in_the_middle_loses_nothing(bench: Bench) -> None:
    old = await bench.run("old")
    await bench.run("new")
    bench.answering.clear()
    await bench.replay(old)
    await eventually(lambda: len(bench.calls) == 1)
    await bench.restart()  # its drain is shorter than the call
    bench.answering.set()
    await bench.run("newer")
    await bench.until_delivered()
    assert bench.calls == [("/old", '{"n":"failed"}')] * 2


async def test_reload_in_the_middle_leaves_the_old_revision_alone(bench: Bench) -> None:
    old = await bench.run("old")
    await bench.run("new")
    bench.answering.clear()
    await bench.replay(old)
    await eventually(lambda: len(bench.calls) == 1)
    await bench.run("newer")
    await bench.run("old")
    bench.answering.set()
    await bench.until_delivered()
    assert bench.calls == [("/old", '{"n":"failed"}')]


@contextlib.contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is opened and closed of `bindings.memory`; the first opening finds the system away."""
    told: list[str] = []
    opened, closed = MemoryOutput.open, MemoryOutput.close

    async def open(output: MemoryOutput) -> None:
        told.append("open")
        if len(told) == 3:
            raise NotReady("away")
        await opened(output)

    async def close(output: MemoryOutput) -> None:
        told.append("close")
        await closed(output)

    monkeypatch.setattr(MemoryOutput, "open", open)
    monkeypatch.setattr(MemoryOutput, "close", close)
    yield told


async def test_old_revision_waits_for_its_systems_and_is_closed_when_it_is_idle(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted(monkeypatch) as told:
        old = await bench.run("old", "  outputs: [{binding: {type: bindings.memory}}]\n")
        await bench.run("new")
        assert told == ["open", "close"]
        await bench.replay(old)
        await eventually(lambda: told[2:] == ["open", "close"])  # away
        await eventually(lambda: bench.clock.sleepers > 0)
        await bench.clock.advance(1)
        await bench.until_delivered()
        assert told[4:] == ["open"]
        await bench.replay(old, "b")
        await bench.until_delivered(2)
        assert told[4:] == ["open"]
        await bench.clock.advance(LINGER)
        await eventually(lambda: told[4:] == ["open", "close"])
        await bench.replay(old, "c")
        await bench.until_delivered(3)
        assert told[6:] == ["open"]


def of_old_revisions() -> list[str]:
    tasks = map(repr, asyncio.all_tasks())
    return [task for task in tasks if "OldRevision" in task]


async def test_old_revision_that_is_done_leaves_nothing(bench: Bench) -> None:
    old = await bench.run("old")
    await bench.run("new")
    await bench.replay(old)
    await bench.until_delivered()
    assert of_old_revisions()
    await bench.clock.advance(LINGER)
    await eventually(lambda: not of_old_revisions())
    assert (await bench.store.queues(""), await bench.store.marks("replays/p")) == ([], {})


async def test_what_another_engine_left_when_it_died_is_done(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.revisions._LOOK_EVERY", 0.01)
    old = await bench.run("old")
    await bench.run("new")
    await bench.replay(old)
    await bench.until_delivered()
    await bench.clock.advance(LINGER)
    letter = DeadLetter("b", "p", old, "steps[1].call", EVENT, ORIGIN, {}, "no", None, None, attempts=1, time=1.0)
    await bench.store.queue(f"replay/p@{old}").put([message_of(letter, from_start=False, as_failed=True)])
    await bench.until_delivered(2)
