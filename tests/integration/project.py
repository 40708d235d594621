"""A project in a temporary folder, and `jackfield run` on it as a process of its own, seen through its JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
Line = dict[str, Any]


def queues(*names: str) -> str:
    """Durable local queues, as documents to be put behind a pipeline."""
    document = """
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata:
      name: {name}
    spec:
      type: bindings.localqueue
      metadata: []
"""
    return "".join(document.format(name=name) for name in names)


class Project:
    """A folder with `pipelines/`; commands run in it as a user runs them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started: list[subprocess.Popen[bytes]] = []
        (path / "pipelines").mkdir()

    def end(self) -> None:
        """Kills what a failed test has left running."""
        for process in self._started:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def write(self, name: str, text: str) -> Path:
        """Writes a definition as an editor does: a new file put in the place of the old one."""
        path = self.path / "pipelines" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f".{path.name}.new")
        written.write_text(textwrap.dedent(text))
        written.rename(path)
        return path

    async def command(self, *arguments: str, status: int = 0) -> str:
        """Runs `jackfield ARGUMENTS` and gives what it printed; its exit status must be as said."""
        found, text = await self.try_command(*arguments)
        assert found == status, f"jackfield {' '.join(arguments)} -> {found}:\n{text}"
        return text

    async def try_command(self, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Runs `jackfield ARGUMENTS`; gives its exit status and what it printed."""
        process = self._start(*arguments, env=env)
        out, _ = await asyncio.to_thread(process.communicate)
        return process.returncode, out.decode()

    def spawn(self, *arguments: str, env: Mapping[str, str] | None = None) -> Run:
        """`jackfield run` on free ports, which may not listen yet."""
        ports = ("--http-port", "0", "--grpc-port", "0")
        return Run(self._start("run", *ports, "--log-format", "json", *arguments, env=env))

    async def run(self, *arguments: str) -> Run:
        """`jackfield run` on a free port; returns when it listens."""
        run = self.spawn(*arguments)
        line = await run.until(lambda line: line["pipeline"] == "jackfield" and "listens" in line["message"])
        run.url = line["message"].rpartition(" ")[2]
        return run

    def _start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.cli", *arguments],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._started.append(process)
        return process


class Run:
    """A running engine. `lines` is what it has told so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.url = ""
        self.lines: list[Line] = []
        self.seen: list[float] = []  # when each line came, by `time.monotonic`
        self.noise: list[str] = []  # what was no JSON line: there must be none
        self._more = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.ensure_future(asyncio.to_thread(self._read))

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as out:
            for raw in out:
                self._loop.call_soon_threadsafe(self._told, raw)

    def _told(self, raw: bytes) -> None:
        try:
            self.lines.append(json.loads(raw))
            self.seen.append(time.monotonic())
        except ValueError:
            self.noise.append(raw.decode(errors="replace"))
        self._more.set()

    async def until(self, condition: Callable[[Line], bool], after: int = 0, timeout: float = 20) -> Line:
        """The first line from the index `after` on that meets the condition."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for line in self.lines[after:]:
                        if condition(line):
                            return line
                    assert not self._ended.done(), f"the engine has ended:\n{self.told()}"
                    self._more.clear()
                    await asyncio.wait(
                        {self._ended, asyncio.ensure_future(self._more.wait())}, return_when=asyncio.FIRST_COMPLETED
                    )
        except TimeoutError:
            raise AssertionError(f"no such line within {timeout} s:\n{self.told()}") from None

    def told(self) -> str:
        return "".join(f"{line}\n" for line in self.lines) + "".join(self.noise)

    def kill(self) -> None:
        self.process.kill()

    async def ended(self) -> int:
        """Waits for the end; gives the exit status (negative: the signal that ended it)."""
        await self._ended
        return await asyncio.to_thread(self.process.wait)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await self.ended()


async def until(run: Run, kind: str, pipeline: str, after: int = 0) -> Line:
    return await run.until(lambda line: line["kind"] == kind and line["pipeline"] == pipeline, after)
