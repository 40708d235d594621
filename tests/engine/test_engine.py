"""The engine: what runs becomes what is defined, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bindings.contract import Operation, Result
from bindings.memory.output import MemoryOutput
from engine.clock import SystemClock, VirtualClock
from engine.definitions.check import Definitions
from engine.engine import Engine
from engine.errors import DefinitionError, EventError, NotReady
from engine.server import LOOPBACK
from engine.testing.memory_store import MemoryStore
from tests.bindings.fakes import eventually
from tests.engine.definitions.folders import component, documents, pipeline, report_of, write
from tests.engine.rig import Journal


class Diary(Journal):
    """Writes down what becomes of the pipelines."""

    def started(self, pipeline: str, revision: str, file: str) -> None:
        self.lines.append(f"started {pipeline}")

    def swapped(self, pipeline: str, revision: str, file: str) -> None:
        self.lines.append(f"swapped {pipeline}")

    def stopped(self, pipeline: str) -> None:
        self.lines.append(f"stopped {pipeline}")

    def refused(self, pipeline: str, reason: str, old_runs: bool) -> None:
        self.lines.append(f"refused {pipeline}")

    def waiting(self, pipeline: str, reason: str, seconds: float, old_runs: bool) -> None:
        self.lines.append(f"waiting {pipeline}")


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
async def engine(diary: Diary) -> AsyncIterator[Engine]:
    engine = Engine(MemoryStore(), SystemClock(), diary, LOOPBACK, 0, drain=5.0)
    await engine.start()
    yield engine
    await engine.stop()


async def definitions(root: Path, *texts: str) -> Definitions:
    report = await report_of(root, {"all.yaml": documents(*texts)})
    assert not report.diagnostics
    return report.definitions


async def test_apply_starts_swaps_and_stops_what_changed_and_nothing_else(
    engine: Engine, diary: Diary, tmp_path: Path
) -> None:
    await engine.apply(await definitions(tmp_path, pipeline(name="a"), pipeline(name="b"), pipeline(name="c")))
    assert sorted(diary.lines) == ["started a", "started b", "started c"]
    diary.lines.clear()
    changed = pipeline("  steps: [{filter: event.id != ''}]\n", name="b")
    await engine.apply(await definitions(tmp_path, pipeline(name="a"), changed))
    assert sorted(diary.lines) == ["stopped c", "swapped b"]
    assert set(engine.counts) == {"a", "b", "c"}


class Gate:
    """Holds up what pipelines write to `bindings.memory`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

        async def invoke(output: MemoryOutput, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
            self.reached.set()
            await self.open.wait()
            return [Result() for _ in operations]

        monkeypatch.setattr(MemoryOutput, "invoke", invoke)


async def with_a_file(root: Path, name: str) -> Definitions:
    """A pipeline that has a file to read and writes it to `bindings.memory`."""
    write(root, {"in/a.txt": "a"})
    metadata = {"rootPath": root / "in", "settleTime": "0s", "pollInterval": "10ms"}
    items = "".join(f"    - {{name: {key}, value: {value}}}\n" for key, value in metadata.items())
    outputs = "  outputs: [{binding: {type: bindings.memory}}]\n"
    inbox = component(items, name="inbox", type="bindings.localstorage")
    return await definitions(root, inbox, pipeline(outputs, name=name, source="inbox"))


async def test_pipeline_of_another_name_starts_when_its_former_self_has_stopped(
    engine: Engine, diary: Diary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    await engine.apply(await with_a_file(tmp_path, "a"))
    await gate.reached.wait()
    applying = asyncio.create_task(engine.apply(await with_a_file(tmp_path, "b")))
    for _ in range(20):
        await asyncio.to_thread(int)  # more turns, of the loop and of threads, than the new one needs to start
    gate.open.set()
    await applying
    assert [line for line in diary.lines if "delivered" not in line] == ["started a", "stopped a", "started b"]


async def test_pipeline_whose_stop_is_cancelled_is_stopped_with_the_engine(
    engine: Engine, diary: Diary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    await engine.apply(await with_a_file(tmp_path, "a"))
    await gate.reached.wait()
    applying = asyncio.create_task(engine.apply(Definitions()))
    await asyncio.sleep(0)
    applying.cancel()
    await asyncio.gather(applying, return_exceptions=True)
    gate.open.set()
    await engine.stop()
    assert diary.lines[-1] == "stopped a"
    assert engine.counts["a"].delivered == 1
    await engine.start()  # for the fixture, which stops it


class Shop(MemoryStore):
    """A store that does not open at once."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)
        self.opened = 0

    async def open(self, *, must_exist: bool = False) -> None:
        self.opened += 1
        if self.errors:
            raise self.errors.pop()


async def test_start_that_finds_no_port_opens_no_store(engine: Engine, diary: Diary) -> None:
    store = Shop()
    other = Engine(store, SystemClock(), diary, LOOPBACK, engine.server.port, drain=5.0)
    with pytest.raises(DefinitionError, match="cannot listen"):
        await other.start()
    assert store.opened == 0


async def test_start_waits_for_a_store_that_is_not_ready_and_says_so(
    diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    engine = Engine(Shop(NotReady("the disk is full")), clock, diary, LOOPBACK, 0, drain=5.0)
    starting = asyncio.create_task(engine.start())
    await eventually(lambda: clock.sleepers > 0)
    assert await readiness(engine) == (503, {"status": "waiting", "store": f"{NO_STORE}: the disk is full"})
    assert caplog.messages[0].startswith(NO_STORE)
    await clock.advance(1)
    await starting
    assert (await readiness(engine))[1]["definitions"] == "they have not been applied yet"
    await engine.apply(Definitions())
    assert await readiness(engine) == (200, {"status": "ready"})
    await engine.stop()


async def test_start_with_a_store_that_never_can_be_opened_ends_and_listens_no_more(diary: Diary) -> None:
    engine = Engine(Shop(DefinitionError("it is damaged")), SystemClock(), diary, LOOPBACK, 0, drain=5.0)
    with pytest.raises(DefinitionError, match="damaged"):
        await engine.start()
    with pytest.raises(aiohttp.ClientConnectorError):
        await readiness(engine)


NO_STORE = "the store cannot be opened"


async def readiness(engine: Engine) -> tuple[int, Any]:
    url = f"http://{LOOPBACK}:{engine.server.port}/readyz"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(("token", "status"), [("", 404), ("t0ken", 401)])
async def test_api_for_apps_is_on_the_network_only_with_a_token(
    diary: Diary, monkeypatch: pytest.MonkeyPatch, token: str, status: int
) -> None:
    monkeypatch.setenv("DAPR_API_TOKEN", token)
    engine = Engine(MemoryStore(), SystemClock(), diary, "0.0.0.0", 0, drain=5.0)
    await engine.start()
    try:
        url = f"http://{LOOPBACK}:{engine.server.port}/v1.0/metadata"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.status == status
    finally:
        await engine.stop()
