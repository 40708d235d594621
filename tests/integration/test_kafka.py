from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.faults import endure
from tests.integration.kafka import KafkaTopics


@pytest.mark.timeout(400)  # it may have to get the server
async def test_nothing_is_lost_while_the_broker_restarts_and_the_network_is_cut(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "project").mkdir()
    broker = KafkaTopics(tmp_path / "server")
    broker.start()
    try:
        account = await endure(broker, tmp_path / "project", events=600, restarts=1, cuts=3)
    finally:
        broker.stop()
    assert (account.lost, account.waiting) == (0, 0)
