"""What stands around the engine: the app, the disk, the definitions and the operator, each disturbed in turn."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from benchmarks.chaos.account import Record
from benchmarks.chaos.disk import Disk
from benchmarks.chaos.pipelines import KINDS, app_definition, definition
from benchmarks.chaos.plan import Disturbance
from benchmarks.chaos.state import State
from tests.integration.project import ROOT, Project

_REPLAY = ("dead-letters", "replay", "--all", "--until", "2100-01-01T00:00:00Z")


class App:
    """The process of `benchmarks/chaos/app.py`, always on the same port."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path  # of its file
        self._arguments = [sys.executable, "-m", "benchmarks.chaos.app", str(path)]
        self._seed = str(seed)
        self.url = ""
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        port = str(urlsplit(self.url).port) if self.url else "0"
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments, port, self._seed, cwd=ROOT, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.url = (await self._process.stdout.readline()).decode().strip()
        assert self.url, "the app did not start"

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def mood(self, text: str) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{self.url}/mood", data=text) as response:
            assert response.status == 200


class World:
    """`happened` counts what was done, and `record` what of it excuses that an effect comes twice."""

    def __init__(self, project: Project, app: App, disk: Disk, state: State) -> None:
        self.happened: Counter[str] = Counter()
        self.record = Record()
        self.complaints: list[str] = []
        self.engine = 0  # its process
        self.startup = 1.0  # seconds, as measured
        self._project = project
        self._app = app
        self._disk = disk
        self._state = state
        self._revision = 0
        self._locks = {"app": asyncio.Lock(), "disk": asyncio.Lock(), "letters": asyncio.Lock()}

    def define(self) -> None:
        self._project.write("app.yaml", app_definition(self._app.url))
        for name in KINDS:
            self._project.write(f"{name}.yaml", definition(name, 0))

    async def disturb(self, one: Disturbance, fault: str) -> None:
        await asyncio.sleep(self.startup + one.after)
        match one.kind:
            case "reload":
                self._reload()
            case "replay":
                await self.replay(fault if fault.startswith("replay:") else "")
            case "disk-full":
                await self._fill_disk(one.lasts)
            case _:
                await self._disturb_app(one)

    def _reload(self) -> None:
        self._revision += 1
        for name in KINDS:
            self._project.write(f"{name}.yaml", definition(name, self._revision))
        self.happened["reloads"] += 1

    async def replay(self, fault: str = "") -> None:
        """All dead letters, by the command, every second time by the revisions that failed; it may die on the way, or
        find the disk full.
        """
        revision = "failed" if self.happened["replays"] % 2 else "current"
        async with self._locks["letters"]:
            self.record.lettered.update(await self._state.letters())
            status, text = await self._project.try_command(
                *_REPLAY, "--revision", revision, env={"JACKFIELD_FAULT": fault}
            )
        self.happened["replays"] += 1
        if status == -signal.SIGKILL:
            self.happened["fault replay"] += 1
        elif status not in (0, 2) or "Traceback" in text:
            self.complaints.append(f"the replay ended with {status}:\n{text}")

    async def _fill_disk(self, seconds: float) -> None:
        async with self._locks["disk"]:
            engine = self.engine
            await asyncio.to_thread(self._disk.fill, engine)
            await asyncio.sleep(seconds)
            self._disk.free(engine)
        self.happened["disk full"] += 1

    async def _disturb_app(self, one: Disturbance) -> None:
        async with self._locks["app"]:
            begin = time.monotonic()
            if one.kind == "app-stop":
                await self._app.kill()
                await asyncio.sleep(one.lasts)
                await self._app.start()
            elif one.kind == "app-hang":
                self._app.send_signal(signal.SIGSTOP)
                await asyncio.sleep(1.0 + one.lasts)  # longer than the engine waits for an answer
                self._app.send_signal(signal.SIGCONT)
            else:
                await self._app.mood("errors")
                await asyncio.sleep(one.lasts)
                await self._app.mood("ok")
            if one.kind != "app-errors":
                self.record.outages.append((begin, time.monotonic()))
        self.happened[one.kind] += 1
