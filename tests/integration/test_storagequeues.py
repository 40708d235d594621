from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.faults import endure
from tests.integration.storagequeues import StorageQueues


@pytest.mark.timeout(400)  # it may have to install the server
async def test_nothing_is_lost_while_the_service_restarts_and_the_network_is_cut(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "project").mkdir()
    queues = StorageQueues(tmp_path / "server")
    queues.start()
    try:
        account = await endure(queues, tmp_path / "project", events=300, restarts=1, cuts=2)
    finally:
        queues.stop()
    assert (account.lost, account.waiting) == (0, 0)
