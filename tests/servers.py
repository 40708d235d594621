"""Servers that tests talk to: found on this machine, or installed, or the tests are skipped with one line.

Each test session starts private instances of them, on free loopback ports, with their data in a temporary folder.
"""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

_PATIENCE = 60.0  # seconds: Erlang takes its time on a machine that is busy


def require(package: str, *places: str) -> Path:
    """The binary at the first of `places` (names on the PATH, or paths that may hold `*`) that is there.

    Root on Debian installs the package when there is none. Otherwise the test is skipped, and with CI=true it fails.
    """
    found = _find(places)
    if found is None and _install(package):
        found = _find(places)
    if found is None:
        missing(f"{package} is not installed")
    return found


def missing(reason: str) -> NoReturn:
    """Skips the test, and fails it with CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_until_ready(name: str, process: subprocess.Popen[bytes], answers: Callable[[], bool], output: Path) -> None:
    """Raises `RuntimeError` with what is in `output` when the server ends or is not ready in time."""
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start:\n{output.read_text()}")
        time.sleep(0.05)


def _find(places: tuple[str, ...]) -> Path | None:
    for place in places:
        if "/" not in place:
            on_path = shutil.which(place)
            if on_path is not None:
                return Path(on_path)
        else:
            matches = sorted(Path("/").glob(place.lstrip("/")))
            if matches:
                return matches[-1]  # the newest version
    return None


@functools.cache
def _install(package: str) -> bool:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    # Debian starts what it installs, unless this says no: the tests use no instance of the system.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with (Path(tempfile.gettempdir()) / "jackfield-tests-apt").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # apt-get gives up where another process of the tests is at it
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
            subprocess.run([apt, "--quiet", *arguments], env=environment, check=False, capture_output=True)
    return True
