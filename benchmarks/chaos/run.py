"""A chaos run: lives of the engine one after the other, then a calm one that finishes what is left."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos.account import Account, Arrivals, account
from benchmarks.chaos.disk import Disk
from benchmarks.chaos.events import is_hopeless
from benchmarks.chaos.pipelines import FILES, HOOKS, KINDS, ORDERS, PAYMENTS, TICKS
from benchmarks.chaos.plan import Life, lives
from benchmarks.chaos.senders import Feed, FileSender, QueueSender, Sends, WebhookSender
from benchmarks.chaos.state import State
from benchmarks.chaos.world import App, World
from tests.integration.apps import free_port
from tests.integration.project import Project, Run, until

_NOT_ANSWERED = re.compile("did not answer|closed the connection|broke off|cannot be reached|more retrying")
_LONGEST_LIFE = 15.0  # seconds; so long a life may get when the engine has to catch up with what was sent


@dataclass(frozen=True)
class Findings:
    accounts: Mapping[str, Account]
    happened: Counter[str]
    complaints: list[str]  # what went wrong beside the account
    seconds: float

    @property
    def is_broken(self) -> bool:
        return bool(self.complaints) or any(one.is_broken for one in self.accounts.values())


class ChaosRun:
    def __init__(self, folder: Path, disk: Disk, seed: int, kills: int, events: int) -> None:
        self._project = Project(folder)
        self._port = free_port()
        self._app = App(folder / "app.db", seed)
        self._state = State(folder)
        self._world = World(self._project, self._app, disk, self._state)
        self._record = self._world.record
        self._lives = list(lives(kills, random.Random(seed)))
        self._events = events
        self._feeds = {name: Feed(name, sender, random.Random(seed)) for name, sender in self._senders(folder).items()}
        self._background: list[asyncio.Task[None]] = []

    def _senders(self, folder: Path) -> Mapping[str, Sends]:
        queues = folder / ".jackfield/queues.db"
        return {
            ORDERS: QueueSender(ORDERS, queues),
            PAYMENTS: QueueSender(PAYMENTS, queues),
            HOOKS: WebhookSender(HOOKS, f"http://127.0.0.1:{self._port}"),
            FILES: FileSender(folder / "inbox"),
        }

    async def run(self, deadline: float) -> Findings:
        """Ends after `deadline` seconds at the latest; what is not finished then is a broken promise."""
        start = time.monotonic()
        try:
            async with asyncio.timeout(deadline):
                await self._run()
        except TimeoutError:
            self._complain(f"not finished within {deadline:g} s")
        finally:
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)
            await self._app.kill()
            self._project.end()
        seconds = time.monotonic() - start
        return Findings(await self._accounts(), self._world.happened, self._world.complaints, seconds)

    async def _run(self) -> None:
        await self._app.start()
        self._world.define()
        await self._begin()
        for number, life in enumerate(self._lives):
            self._feed(number, life)
            await self._live(life)
        await self._finish()

    # The lives

    def _spawn(self, life: Life | None = None) -> Run:
        env = {"JACKFIELD_FAULT": life.fault, "JACKFIELD_CLOCK_JUMPS": life.jumps} if life else {}
        run = self._project.spawn("--http-port", str(self._port), env=env)
        self._world.engine = run.process.pid
        return run

    async def _begin(self) -> None:
        """A calm life, so that all files are there, and it is known how long a start takes."""
        start = time.monotonic()
        run = self._spawn()
        for name in KINDS:
            await until(run, "started", name)
        self._world.startup = time.monotonic() - start
        await self._stop(run)

    def _feed(self, number: int, life: Life) -> None:
        """Sends this life's share of the events, and disturbs, both perhaps beyond its end."""
        for name, feed in self._feeds.items():
            total = int(self._events * KINDS[name].share)
            share = range(total * number // len(self._lives), total * (number + 1) // len(self._lives))
            self._do(feed.send(share, min(life.seconds, 2.0)))
        for disturbance in life.disturbances:
            self._do(self._world.disturb(disturbance, life.fault))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self._background.append(asyncio.create_task(work))

    async def _live(self, life: Life) -> None:
        latest = time.monotonic() + _LONGEST_LIFE
        run = self._spawn(life)
        ended = asyncio.create_task(run.ended())
        await asyncio.wait({ended}, timeout=self._world.startup * life.start)
        if life.start == 1.0:
            await asyncio.wait({ended}, timeout=life.seconds)
            while not ended.done() and time.monotonic() < latest and await self._is_behind():
                await asyncio.wait({ended}, timeout=0.2)
        killed_itself = ended.done()
        run.kill()
        status, at = await ended, time.monotonic()
        self._record.deaths.append((at, await self._state.waiting()))
        self._world.happened["kills"] += 1
        if status != -signal.SIGKILL:
            self._complain(f"the engine ended by itself with the status {status}:\n{run.told()[-2000:]}")
        elif killed_itself:
            self._world.happened[f"fault {life.fault.partition(':')[0]}"] += 1
        self._world.happened["clock jumps"] += life.jumps.count("@")
        self._note(run)

    async def _is_behind(self) -> bool:
        """Whether more waits than two lives send, so that the load is what the machine can do."""
        waiting = sum(len(numbers) for numbers in (await self._state.waiting()).values())
        return waiting > 2 * self._events / len(self._lives)

    # The end

    async def _finish(self) -> None:
        """What can be delivered now is: the app takes what it refused at first, and the dead letters are replayed."""
        run = self._spawn()
        await asyncio.gather(*self._background)
        await self._app.mood("mended")
        await self._until_nothing_waits()
        while not all(is_hopeless(n) for _, n in await self._state.letters()):
            await self._world.replay()
            await self._until_nothing_waits()
        await self._stop(run)

    async def _until_nothing_waits(self) -> None:
        while any(numbers for name, numbers in (await self._state.waiting()).items() if name != TICKS):  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    async def _stop(self, run: Run) -> None:
        status = await run.stop()
        if status != 0:
            self._complain(f"the engine was stopped, and ended with the status {status}:\n{run.told()[-2000:]}")
        self._note(run)

    # What was seen

    def _note(self, run: Run) -> None:
        paused: dict[str, float] = {}
        for line, at in zip(run.lines, run.seen, strict=True):
            pipeline, kind = line["pipeline"], line["kind"]
            if kind in ("retrying", "paused") and _NOT_ANSWERED.search(line["message"]):
                self._record.unanswered[pipeline].append((at, at))
                if kind == "paused":
                    paused[pipeline] = at
            elif kind == "resumed" and pipeline in paused:
                self._record.unanswered[pipeline].append((paused.pop(pipeline), at))
            elif kind == "error":
                self._complain(f"{pipeline}: {line['message']}")
        for pipeline, at in paused.items():
            self._record.unanswered[pipeline].append((at, time.monotonic()))
        for noise in run.noise:
            if noise.endswith("\n"):  # else cut off by a kill
                self._complain(noise)

    def _complain(self, text: str) -> None:
        self._world.complaints.append(text)

    async def _accounts(self) -> Mapping[str, Account]:
        arrivals = Arrivals(self._app.path)
        waiting, letters = await self._state.waiting(), await self._state.letters()
        self._record.lettered.update(letters)
        return {
            name: account(
                name,
                self._feeds[name].sent if name in self._feeds else set(),
                arrivals,
                await self._state.arrived(name),
                {n for pipeline, n in letters if pipeline == name},
                waiting[name],
                self._record,
            )
            for name in KINDS
        }
