from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from engine.child import Child, dapr_environment
from engine.errors import DefinitionError


def python(text: str, **environment: str) -> Child:
    return Child([sys.executable, "-c", text], environment)


async def test_output_comes_line_by_line_behind_a_mark(capsys: pytest.CaptureFixture[str]) -> None:
    child = python("import os, sys; print(os.environ['WHO']); sys.stderr.write('no end')", WHO="me")
    await child.start()
    assert await child.ended() == 0
    assert await child.stop() == 0
    assert capsys.readouterr().out == "== APP == me\n== APP == no end\n"


async def test_line_without_end_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    child = python("print('x' * 3_000_000); print('after')")
    await child.start()
    assert await child.ended() == 0
    await child.stop()
    out = capsys.readouterr().out
    assert out.count("x") == 3_000_000
    assert out.endswith("== APP == after\n")


async def test_status_is_that_of_the_command() -> None:
    child = python("raise SystemExit(7)")
    await child.start()
    assert await child.ended() == 7
    assert await child.stop() == 7


async def test_command_and_what_it_has_started_are_ended(capsys: pytest.CaptureFixture[str]) -> None:
    grandchild = "import signal; print('up', flush=True); signal.pause()"
    child = python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])")
    await child.start()
    async with asyncio.timeout(10):
        while "up" not in capsys.readouterr().out:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await child.stop() == 128 + signal.SIGTERM  # and its output has ended, which the other one held open


async def test_program_that_is_not_there_is_told() -> None:
    with pytest.raises(DefinitionError, match="'no-such-program' cannot be started: No such file"):
        await Child(["no-such-program"], {}).start()


def test_environment_is_that_of_dapr_run() -> None:
    assert dapr_environment("shop", 3500, 50001, 8000) == {
        "APP_ID": "shop",
        "APP_PORT": "8000",
        "DAPR_HTTP_PORT": "3500",
        "DAPR_HTTP_ENDPOINT": "http://127.0.0.1:3500",
        "DAPR_GRPC_PORT": "50001",
        "DAPR_GRPC_ENDPOINT": "127.0.0.1:50001",
    }
    assert "DAPR_GRPC_PORT" not in dapr_environment("shop", 3500, None, None)


async def test_what_has_left_the_group_holds_up_neither_the_end_nor_the_stop(
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon = "import subprocess; print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid, flush=True)"
    child = python(daemon)
    await child.start()
    pid = ""
    async with asyncio.timeout(10):
        while not pid:
            await asyncio.sleep(0.01)
            pid = capsys.readouterr().out.removeprefix("== APP == ").strip()
    try:
        async with asyncio.timeout(20):
            assert await child.ended() == 0
            await child.stop()
    finally:
        os.kill(int(pid), signal.SIGKILL)
