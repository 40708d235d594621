"""A project in a temporary folder, and `jackfield run` on it as a process of its own, seen through its JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
Line = dict[str, Any]


class Project:
    """A folder with `pipelines/`; commands run in it as a user runs them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "pipelines").mkdir()

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
        process = await self._start(*arguments)
        out, _ = await process.communicate()
        text = out.decode()
        assert process.returncode == status, f"jackfield {' '.join(arguments)} -> {process.returncode}:\n{text}"
        return text

    async def run(self, *arguments: str) -> Run:
        """`jackfield run` on a free port; returns when it listens."""
        process = await self._start("run", "--http-port", "0", "--log-format", "json", *arguments)
        run = Run(process)
        line = await run.until(lambda line: line["pipeline"] == "jackfield" and "listens" in line["message"])
        run.url = line["message"].rpartition(" ")[2]
        return run

    async def _start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "engine.cli",
            *arguments,
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**22,
        )


class Run:
    """A running engine. `lines` is what it has told so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""
        self.lines: list[Line] = []
        self.noise: list[str] = []  # what was no JSON line: there must be none
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            async with self._more:
                try:
                    self.lines.append(json.loads(raw))
                except ValueError:
                    self.noise.append(raw.decode(errors="replace"))
                self._more.notify_all()
        async with self._more:
            self._more.notify_all()

    async def until(self, condition: Callable[[Line], bool], after: int = 0, timeout: float = 20) -> Line:
        """The first line from the index `after` on that meets the condition."""
        try:
            async with asyncio.timeout(timeout), self._more:
                while True:
                    for line in self.lines[after:]:
                        if condition(line):
                            return line
                    assert not self._reading.done(), f"the engine has ended:\n{self.told()}"
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"no such line within {timeout} s:\n{self.told()}") from None

    def told(self) -> str:
        return "".join(f"{line}\n" for line in self.lines) + "".join(self.noise)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        # Not Popen.send_signal: it looks whether the process lives, and so takes the exit status from asyncio.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end; gives the exit status (negative: the signal that ended it)."""
        self._send(number)
        status = await self.process.wait()
        await self._reading
        return status
