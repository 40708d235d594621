from __future__ import annotations

from pathlib import Path

from tests.integration.faults import endure
from tests.integration.sqs import SqsQueues


async def test_nothing_is_lost_while_the_network_is_cut(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "project").mkdir()
    queues = SqsQueues(tmp_path / "server")
    queues.hidden = 3
    queues.start()
    try:
        account = await endure(queues, tmp_path / "project", events=400, restarts=0, cuts=3)
    finally:
        queues.stop()
    assert (account.lost, account.waiting) == (0, 0)
