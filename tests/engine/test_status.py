from __future__ import annotations

from engine.observer import Counts
from engine.status import Status


def test_status_as_json_has_what_there_is_to_say() -> None:
    status = Status("running", "orders.yaml", "queue", revision="a1", under_way=3, counts=Counts(read=5, delivered=2))
    assert status.as_json() == {
        "state": "running",
        "file": "orders.yaml",
        "input": "queue",
        "revision": "a1",
        "underWay": 3,
        "counts": {"read": 5, "delivered": 2, "filtered": 0, "retried": 0, "deadLettered": 0, "released": 0},
    }
    assert status.is_well
    assert not Status("waiting", "orders.yaml", "queue", problem="connection refused").is_well
