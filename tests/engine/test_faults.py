"""Processes that die at a fault point; what is proved by it is in tests/integration/test_chaos.py."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import DefinitionError
from engine.faults import FAULT, JUMPS, POINTS, JumpingClock, arm, clock

ROOT = Path(__file__).parents[2]
PASSES = (
    "from engine.faults import arm, reach\narm()\nfor n in range(5):\n    print(n, flush=True)\n    reach('reload')"
)


def passing(fault: str) -> tuple[int, list[str]]:
    """The exit status of a process that passes `reload` five times, and where it was."""
    done = subprocess.run(
        [sys.executable, "-c", PASSES], cwd=ROOT, env={FAULT: fault}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.split()


def test_process_kills_itself_at_the_passing_that_is_said() -> None:
    assert passing("reload:3") == (-signal.SIGKILL, ["0", "1", "2"])


@pytest.mark.parametrize("fault", ["", "replay:3", "reload:6"])
def test_process_lives_when_it_does_not_come_to_the_point(fault: str) -> None:
    assert passing(fault) == (0, ["0", "1", "2", "3", "4"])


@pytest.mark.parametrize("fault", ["reload", "reload:0", "reload:x", "unknown:1", ":1"])
def test_fault_that_is_none_is_refused(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FAULT, fault)
    with pytest.raises(DefinitionError, match=r"write POINT:N; points: reload, before-commit"):
        arm()


def test_every_point_is_in_the_code_and_in_the_docs() -> None:
    code = "".join(path.read_text() for folder in ("engine", "bindings") for path in (ROOT / folder).rglob("*.py"))
    reached = re.findall(r'(?:reach\(|sys\.audit\(_FAULT, )"([a-z-]+)"\)', code)
    assert sorted(reached) == sorted(POINTS)
    docs = (ROOT / "docs/chaos.md").read_text()
    assert [point for point in POINTS if f"| `{point}` |" not in docs] == []


def test_clock_jumps_when_its_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JUMPS, "3600@0,-60@0,1000000@1000000")
    jumping = clock()
    assert isinstance(jumping, JumpingClock)
    assert jumping.now() == pytest.approx(SystemClock().now() + 3540, abs=5)


def test_clock_is_the_systems_without_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(JUMPS, raising=False)
    assert type(clock()) is SystemClock


@pytest.mark.parametrize("jumps", ["1", "1@", "@1", "1@2@3", "x@1"])
def test_jumps_that_are_none_are_refused(jumps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JUMPS, jumps)
    with pytest.raises(DefinitionError, match="write SECONDS@AFTER"):
        clock()
