"""The short version of `make chaos`: every fault point and every disturbance, and an account of every event."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from benchmarks.chaos.account import Account, Arrivals, Record, account
from benchmarks.chaos.app import Sink
from benchmarks.chaos.disk import small_disk
from benchmarks.chaos.events import KEYS
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


def came(folder: Path, *events: tuple[int, float]) -> Arrivals:
    """To the app: the numbers of orders, and when."""
    path = Path(tempfile.mkdtemp(dir=folder), "app.db")
    sink = Sink(path, seed=1)
    for n, at in events:
        sink.take("orders", [(n, f"orders-{n}")], at)
    return Arrivals(path)


def orders(arrivals: Arrivals, sent: set[int], record: Record | None = None, **other: set[int]) -> Account:
    done = list(dict.fromkeys(arrivals.numbers("orders")))
    return account("orders", sent, arrivals, done, other.get("dead", set()), set(), record or Record())


def test_account_finds_what_is_lost(tmp_path: Path) -> None:
    arrivals = came(tmp_path, (0, 1.0), (2, 1.0))
    assert orders(arrivals, {0, 2}).is_broken is False
    assert orders(arrivals, {0, 2, 7}).filtered == 1
    assert orders(arrivals, {0, 2, 11}, dead={11}).is_broken is False
    assert orders(arrivals, {0, 1, 2}).lost == 1
    assert orders(arrivals, {0, 1, 2}, dead={1}).wrong == 1  # the app would take it


def test_account_excuses_what_was_in_flight_at_a_kill_and_nothing_else(tmp_path: Path) -> None:
    arrivals = came(tmp_path, (0, 100.0), (2, 100.0), (0, 200.0))
    in_flight = {"orders": {0}}
    assert orders(arrivals, {0, 2}).unexcused == 1
    assert orders(arrivals, {0, 2}, Record(deaths=[(150.0, in_flight)])).is_broken is False
    assert orders(arrivals, {0, 2}, Record(deaths=[(150.0, {"orders": {2}})])).unexcused == 1  # it was acknowledged
    assert orders(arrivals, {0, 2}, Record(deaths=[(50.0, in_flight), (250.0, in_flight)])).unexcused == 1
    assert orders(arrivals, {0, 2}, Record(outages=[(99.0, 101.0)])).is_broken is False


def test_account_finds_what_came_out_of_order(tmp_path: Path) -> None:
    assert (
        orders(came(tmp_path, (KEYS, 1.0), (0, 2.0)), {0, KEYS}).disorder == 2
    )  # in the app and in the queue behind it
    assert orders(came(tmp_path, (0, 1.0), (KEYS, 2.0), (0, 3.0)), {0, KEYS}).disorder == 0  # came again
    lettered = Record(lettered={("orders", 0)})
    assert orders(came(tmp_path, (KEYS, 1.0), (0, 2.0)), {0, KEYS}, lettered).disorder == 0
