from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest

from bindings.contract import Outcome, Received, Settled
from bindings.sqlite.database import Database
from bindings.sqlite.queue import SqliteQueue
from engine.cli import main
from engine.clock import SystemClock

COMPONENTS = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: orders}
spec: {type: bindings.localqueue, metadata: []}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: timer}
spec: {type: bindings.cron, metadata: [{name: schedule, value: "@daily"}]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/components.yaml").write_text(COMPONENTS)
    return tmp_path


async def queued(folder: Path, count: int) -> list[Received]:
    database = await Database.acquire(folder / ".jackfield/queues.db")
    queue = SqliteQueue(database, "orders", SystemClock())
    try:
        received: list[Received] = []
        while len(received) < count:
            received += await queue.read(count)
        await queue.settle([Settled(one, Outcome.DONE) for one in received])
        return received
    finally:
        await queue.close()
        await database.release()


def run(*arguments: str) -> int:
    return main(["send", *arguments])


def test_send_data_is_one_event(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("orders", "--data", '{"id": 1}', "--type", "com.example.order", "--subject", "1") == 0
    assert capsys.readouterr().out == "sent 1 event to queue orders\n"
    (event,) = asyncio.run(queued(folder, 1))
    assert event.data == b'{"id": 1}'
    assert event.attributes["type"] == "com.example.order"
    assert event.attributes["subject"] == "1"
    assert event.attributes["datacontenttype"] == "application/json"


def test_send_lines_is_an_event_for_each_line_that_is_not_empty(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "orders.jsonl").write_bytes(b'{"n": 1}\r\n\n{"n": 2}\n{"n": 3}')
    assert run("orders", "--file", "orders.jsonl", "--lines") == 0
    assert capsys.readouterr().out == "sent 3 events to queue orders\n"
    assert [event.data for event in asyncio.run(queued(folder, 3))] == [b'{"n": 1}', b'{"n": 2}', b'{"n": 3}']


def test_send_reads_the_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x00\xff")))
    assert run("orders", "--file", "-") == 0
    (event,) = asyncio.run(queued(folder, 1))
    assert event.data == b"\x00\xff"
    assert event.attributes["datacontenttype"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("oders", "--data", "1"), "there is no component 'oders' (did you mean 'orders'?)"),
        (("timer", "--data", "1"), "bindings.cron cannot be an output"),
        (("orders", "--file", "nowhere.jsonl"), "cannot read nowhere.jsonl: No such file or directory"),
    ],
)
def test_send_what_cannot_be_is_one_clear_error(
    folder: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert capsys.readouterr().err == f"jackfield: error: {message}\n"
