"""One pipeline through its revisions: an old one goes on until the new one can, and a stop leaves nothing open."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from bindings.contract import InputBinding, Received
from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from bindings.store import DurableQueue
from engine.builder import Builder, Built
from engine.clock import VirtualClock
from engine.components import Components, Use
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import Pipeline
from engine.errors import DefinitionError, NotReady
from engine.observer import Counts
from engine.revisions import Revisions
from engine.server import LOOPBACK, Server
from engine.slot import Slot
from engine.testing.memory_store import MemoryStore
from tests.engine.definitions.folders import pipeline, report_of
from tests.engine.rig import App, HeldApp, Journal, Rig, Source

DRAIN = 5.0


class Door(Source):
    """An input that can be kept from opening, and from closing cleanly."""

    def __init__(self) -> None:
        super().__init__()
        self.open_errors: deque[Exception] = deque()
        self.close_error: Exception | None = None
        self.closed = 0

    async def open(self) -> None:
        if self.open_errors:
            raise self.open_errors.popleft()
        await super().open()

    async def close(self) -> None:
        await super().close()
        self.closed += 1
        if self.close_error:
            raise self.close_error


class Watched(Door):
    """Writes down at each read how often another input was closed."""

    def __init__(self, other: Door) -> None:
        super().__init__()
        self.closed_at_read: list[int] = []
        self._other = other

    async def read(self, limit: int) -> Sequence[Received]:
        self.closed_at_read.append(self._other.closed)
        return await super().read(limit)


class Slow(Door):
    async def close(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await super().close()


class Revision:
    """What is built for one revision: its input, its app, and how often it cannot be built."""

    def __init__(self, app: App | None = None, *, shared: bool = True) -> None:
        self.input: Door = Door()
        self.app = app or App()
        self.shared = shared
        self.build_errors: deque[Exception] = deque()
        self.outputs_closed = 0

    def built(self, located: Located[Pipeline]) -> Built:
        def make(settings: Metadata, context: object) -> InputBinding:
            return self.input

        manifest = ComponentType(
            name="test", summary="", metadata=Metadata, example="", input=make, shared_input=self.shared
        )
        closing = AsyncExitStack()
        closing.callback(self._closed)
        run = Rig(self.app, input=self.input).run
        return Built(located, run, self.input, Use("in", manifest, Metadata(), "in"), None, closing)

    def _closed(self) -> None:
        self.outputs_closed += 1


class Bench(Builder):
    """Builds the revisions that a test has laid out, and is told what becomes of them."""

    def __init__(self, session: aiohttp.ClientSession, located: Located[Pipeline], definitions: Definitions) -> None:
        self.clock_ = VirtualClock()
        self.store = MemoryStore()
        super().__init__(self.store, self.clock_, session, Components(self.store, self.clock_), Journal())
        self.told: list[str] = []
        server = Server(LOOPBACK, 0, dict)
        revisions = Revisions("p", Counts(), self, self.store, self.clock_, DRAIN)
        self.slot = Slot("p", revisions, server, self.clock_, self, DRAIN)
        self._located = located
        self._definitions = definitions
        self._next = Revision()

    async def build(
        self,
        pipeline: Located[Pipeline],
        definitions: Definitions,
        revision: str,
        counts: Counts,
        replays: DurableQueue,
        input: InputBinding | None = None,
    ) -> Built:
        if self._next.build_errors:
            raise self._next.build_errors.popleft()
        return self._next.built(pipeline)

    async def replace(self, revision: Revision) -> None:
        self._next = revision
        await self.slot.replace(self._located, self._definitions, "r")

    def started(self, pipeline: str, revision: str, file: str) -> None:
        self.told.append("started")

    def swapped(self, pipeline: str, revision: str, file: str) -> None:
        self.told.append("swapped")

    def stopped(self, pipeline: str) -> None:
        self.told.append("stopped")

    def refused(self, pipeline: str, reason: str, old_runs: bool) -> None:
        self.told.append(f"refused: {reason}{'; old runs' if old_runs else ''}")

    def waiting(self, pipeline: str, reason: str, seconds: float, old_runs: bool) -> None:
        self.told.append(f"waiting {seconds:.0f}: {reason}{'; old runs' if old_runs else ''}")

    async def turns(self, count: int = 50) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def assert_works(self, revision: Revision, id: str) -> None:
        revision.input.put(id)
        async with asyncio.timeout(5):
            while id not in revision.input.outcomes:  # noqa: ASYNC110 - there is nothing to be woken by
                await asyncio.sleep(0)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    definitions = (await report_of(tmp_path, {"p.yaml": pipeline()})).definitions
    async with aiohttp.ClientSession() as session:
        bench = Bench(session, definitions.pipelines["p"], definitions)
        yield bench
        await bench.slot.stop()


@pytest.mark.parametrize("shared", [True, False])
async def test_new_revision_takes_the_place_of_the_old_one(bench: Bench, shared: bool) -> None:
    old, new = Revision(shared=shared), Revision(shared=shared)
    await bench.replace(old)
    await bench.assert_works(old, "a")
    await bench.replace(new)
    await bench.assert_works(new, "b")
    assert (old.input.closed, old.outputs_closed) == (1, 1)
    assert bench.told == ["started", "swapped"]
    assert not bench.slot.problem


async def test_what_the_old_revision_gives_back_comes_before_what_the_new_one_reads(bench: Bench) -> None:
    old, new = Revision(), Revision()
    old.input = Slow()
    new.input = watched = Watched(old.input)
    await bench.replace(old)
    await bench.replace(new)
    await bench.assert_works(new, "a")
    assert watched.closed_at_read[0] == 1


async def test_old_input_that_hangs_when_it_is_closed_keeps_no_revision_from_reading(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.slot._CLOSING", 0.01)
    closes = asyncio.Event()

    class Hanging(Door):
        async def close(self) -> None:
            await closes.wait()

    old, new = Revision(), Revision()
    old.input = Hanging()
    await bench.replace(old)
    replacing = asyncio.create_task(bench.replace(new))
    await bench.assert_works(new, "a")
    closes.set()
    await replacing


async def test_store_that_hangs_keeps_no_revision_from_reading(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, marks = asyncio.Event(), bench.store.marks

    async def slow(scope: str) -> dict[str, str]:
        await answers.wait()
        return await marks(scope)

    monkeypatch.setattr(bench.store, "marks", slow)
    revision = Revision()
    replacing = asyncio.create_task(bench.replace(revision))
    await bench.assert_works(revision, "a")
    answers.set()
    await replacing


@pytest.mark.parametrize("shared", [True, False])
async def test_old_revision_goes_on_when_the_new_input_can_never_be_opened(bench: Bench, shared: bool) -> None:
    old, new = Revision(shared=shared), Revision(shared=shared)
    new.input.open_errors.append(DefinitionError("no such topic"))
    await bench.replace(old)
    await bench.replace(new)
    await bench.assert_works(old, "a")
    assert (new.outputs_closed, old.input.closed) == (1, 0)
    assert bench.told == ["started", "refused: no such topic; old runs"]
    assert bench.slot.problem == "no such topic"


@pytest.mark.parametrize("shared", [True, False])
async def test_old_revision_goes_on_until_the_system_of_the_new_one_is_there(bench: Bench, shared: bool) -> None:
    old, new = Revision(shared=shared), Revision(shared=shared)
    new.input.open_errors.append(NotReady("away"))
    await bench.replace(old)
    await bench.replace(new)
    await bench.assert_works(old, "a")
    assert bench.told[1:] == ["waiting 1: away; old runs"]
    await bench.clock_.advance(1)
    await bench.turns()
    await bench.assert_works(new, "b")
    assert bench.told[2:] == ["swapped"]
    assert not bench.slot.problem


async def test_what_cannot_be_built_is_tried_again_with_longer_and_longer_waits(bench: Bench) -> None:
    revision = Revision()
    revision.build_errors.extend(NotReady("away") for _ in range(7))
    await bench.replace(revision)
    for _ in range(8):
        await bench.clock_.advance(30)
        await bench.turns()
    waits = [line.split()[1] for line in bench.told[:7]]
    assert waits == ["1:", "2:", "4:", "8:", "16:", "30:", "30:"]
    assert bench.told[7:] == ["started"]


async def test_bug_of_a_binding_is_refused_and_not_tried_again(bench: Bench) -> None:
    old, new = Revision(), Revision()
    new.build_errors.append(ZeroDivisionError("division by zero"))
    await bench.replace(old)
    await bench.replace(new)
    await bench.clock_.advance(60)
    assert bench.told[1:] == ["refused: internal error: ZeroDivisionError: division by zero; old runs"]
    await bench.assert_works(old, "a")


async def test_stop_ends_the_retries(bench: Bench) -> None:
    revision = Revision()
    revision.build_errors.extend(NotReady("away") for _ in range(9))
    await bench.replace(revision)
    await bench.slot.stop()
    await bench.clock_.advance(60)
    assert bench.told == ["waiting 1: away"]


async def test_newer_revision_ends_the_retries_of_the_one_before(bench: Bench) -> None:
    away, newer = Revision(), Revision()
    away.build_errors.extend(NotReady("away") for _ in range(9))
    await bench.replace(away)
    await bench.replace(newer)
    await bench.clock_.advance(60)
    assert bench.told == ["waiting 1: away", "started"]
    await bench.assert_works(newer, "a")


@pytest.mark.parametrize("shared", [True, False])
async def test_old_revision_is_not_left_half_stopped_by_a_newer_one_that_cannot_start(
    bench: Bench, shared: bool
) -> None:
    app = HeldApp()
    old, new, newest = Revision(app, shared=shared), Revision(shared=shared), Revision()
    new.build_errors.append(NotReady("away"))
    newest.build_errors.append(DefinitionError("wrong"))
    await bench.replace(old)
    old.input.put("slow")
    await bench.turns()
    await bench.replace(new)
    await bench.clock_.advance(1)  # the retry now waits for the old one to finish
    await bench.turns()
    assert app.under_way == 1
    replacing = asyncio.create_task(bench.replace(newest))
    await bench.turns()
    app.go.set()
    await replacing
    await bench.assert_works(new, "a")
    assert bench.told[-2:] == ["swapped", "refused: wrong; old runs"]


async def test_stop_drains_and_closes(bench: Bench) -> None:
    app = HeldApp()
    revision = Revision(app)
    await bench.replace(revision)
    revision.input.put("a")
    await bench.turns()
    stopping = asyncio.create_task(bench.slot.stop())
    await bench.turns()
    assert not stopping.done()
    app.go.set()
    await stopping
    assert set(revision.input.outcomes) == {"a"}
    assert (revision.input.closed, revision.outputs_closed) == (1, 1)
    assert bench.told == ["started", "stopped"]


@pytest.mark.parametrize("error", [NotReady("gone"), OSError("gone")])
async def test_input_that_cannot_be_closed_stops_nobody(bench: Bench, error: Exception) -> None:
    old, new = Revision(), Revision()
    old.input.close_error = error
    await bench.replace(old)
    await bench.replace(new)
    await bench.assert_works(new, "a")
    assert bench.told == ["started", "swapped"]
    assert not bench.slot.problem
