"""The app that `jackfield run … -- COMMAND` starts: it gets Dapr's environment variables, and ends with the engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from engine.errors import DefinitionError

GRACE = 5.0  # seconds between SIGTERM and SIGKILL
_LONGEST_LINE = 2**20  # bytes that are printed in one piece
_LAST_LINES = 1.0  # seconds that the last of the output is waited for when all has ended


class Child:
    """A process group of its own, whose output comes out line by line behind `== APP ==`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._copying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises `DefinitionError` when there is no such program."""
        # A pipe of asyncio would be waited for as well as the process, whoever else holds it open.
        reading, writing = os.pipe()
        out = os.fdopen(reading, "rb", 0)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            out.close()
            hint = "what stands after `--` is the program and its arguments"
            raise DefinitionError(f"{self._command[0]!r} cannot be started: {error.strerror}", hint=hint) from error
        finally:
            os.close(writing)
        self._copying = asyncio.create_task(_copy(out))

    async def ended(self) -> int:
        """Waits for its end; gives the exit status, 128 and the number for a signal, as a shell does."""
        process = self._started
        status = await process.wait()
        return status if status >= 0 else 128 - status

    async def stop(self) -> int:
        """Asks it and all that it has started to end, and makes them after a while."""
        process = self._started
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            self._signal(signal.SIGKILL)  # also what it has left behind
        status = await self.ended()
        if self._copying is not None:
            # What has left the group may hold the output open for as long as it likes.
            await asyncio.wait({self._copying}, timeout=_LAST_LINES)
            self._copying.cancel()
            await asyncio.gather(self._copying, return_exceptions=True)
        return status

    @property
    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the app was not started")
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._started.pid, number)


async def _copy(out: BinaryIO) -> None:
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, out)
    with contextlib.closing(transport):
        while line := await _next_line(reader):
            with contextlib.suppress(OSError, ValueError):  # who reads the lines may go away
                print(f"== APP == {line.decode(errors='replace').rstrip()}", file=sys.stdout, flush=True)


async def _next_line(out: asyncio.StreamReader) -> bytes:
    try:
        return await out.readuntil()
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as overrun:  # a line that is longer than the limit comes in pieces
        return await out.read(overrun.consumed)


def dapr_environment(app_id: str, http_port: int, grpc_port: int | None, app_port: int | None) -> Mapping[str, str]:
    """What `dapr run` gives to the app (Dapr, "Environment variable reference")."""
    found = {
        "APP_ID": app_id,
        "DAPR_HTTP_PORT": str(http_port),
        "DAPR_HTTP_ENDPOINT": f"http://127.0.0.1:{http_port}",
    }
    if grpc_port is not None:
        found |= {"DAPR_GRPC_PORT": str(grpc_port), "DAPR_GRPC_ENDPOINT": f"127.0.0.1:{grpc_port}"}
    if app_port is not None:
        found["APP_PORT"] = str(app_port)
    return found
