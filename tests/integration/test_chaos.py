"""The short version of `make chaos`: every fault point and every disturbance, and an account of every event."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chaos.disk import small_disk
from benchmarks.chaos.report import report
from benchmarks.chaos.run import ChaosRun

KILLS, EVENTS = 12, 3_000


@pytest.mark.timeout(240)
async def test_whatever_happens_every_promise_is_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / ".jackfield") as disk:
        findings = await ChaosRun(tmp_path, disk, seed=1, kills=KILLS, events=EVENTS).run(deadline=180)
    assert not findings.is_broken, report(findings)
    assert findings.happened["kills"] == KILLS
    assert sum(one.sent for one in findings.accounts.values()) >= EVENTS
