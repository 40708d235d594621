"""Fault points: named places at which a process kills itself, so that `make chaos` can prove that nothing is lost.

`JACKFIELD_FAULT=after-outputs:37` ends the process with SIGKILL when it passes that point for the 37th time.
`JACKFIELD_CLOCK_JUMPS=600@2,-900@5` sets its clock 600 s forward 2 s after its start, and 900 s back 5 s after it.
Both are for tests. docs/chaos.md says what is proved by which point.

A point is an audit event of Python (PEP 578): without a hook it costs less than 0.1 µs, and a binding, which imports
nothing of this, raises the event itself.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from engine.clock import SystemClock
from engine.errors import DefinitionError

EVENT = "jackfield.fault"
FAULT, JUMPS = "JACKFIELD_FAULT", "JACKFIELD_CLOCK_JUMPS"
POINTS: Mapping[str, str] = {
    "reload": "the old revision has stopped, the new one has not started",
    "before-commit": "all statements of a transaction are done, and nothing of it is durable",
    "after-commit": "a transaction is durable, and nobody has been told",
    "after-outputs": "every output has confirmed, and nothing is acknowledged",
    "after-ledger": "the keys of deduplication are committed, and nothing is acknowledged",
    "after-settle": "the input has taken the acknowledgement, and the pipeline has not noted it",
    "after-dead-letter": "a dead letter is durable, and its event is not acknowledged",
    "replay": "dead letters have become replays, and the command has not said so",
}
_SETTING = re.compile(r"([a-z-]+):([1-9]\d*)")


def reach(point: str) -> None:
    sys.audit(EVENT, point)


def arm() -> None:
    """Does what `JACKFIELD_FAULT` says, for good; nothing when it is not set. Raises `DefinitionError`."""
    text = os.environ.get(FAULT)
    if not text:
        return
    setting = _SETTING.fullmatch(text)
    if setting is None or setting[1] not in POINTS:
        raise DefinitionError(f"{FAULT}: {text!r} is no fault", hint=f"write POINT:N; points: {', '.join(POINTS)}")
    point, left = setting[1], int(setting[2])

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event == EVENT and arguments == (point,):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


class JumpingClock(SystemClock):
    """`jumps`: seconds after the start, and by how many seconds the time is set then."""

    def __init__(self, jumps: Sequence[tuple[float, float]]) -> None:
        self._jumps = jumps
        self._started = time.monotonic()

    def now(self) -> float:
        running = time.monotonic() - self._started
        return super().now() + sum(by for after, by in self._jumps if after <= running)


def clock() -> SystemClock:
    """The system's, unless `JACKFIELD_CLOCK_JUMPS` is set. Raises `DefinitionError`."""
    text = os.environ.get(JUMPS)
    if not text:
        return SystemClock()
    try:
        pairs = [jump.split("@") for jump in text.split(",")]
        return JumpingClock([(float(after), float(by)) for by, after in pairs])
    except ValueError as error:
        raise DefinitionError(f"{JUMPS}: {text!r} has no jumps", hint="write SECONDS@AFTER, like 600@2") from error
