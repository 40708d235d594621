from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bindings.sqlite.store import SqliteStore
from bindings.store import DeadLetter
from engine.cli import main
from engine.clock import SystemClock
from engine.event import Event
from engine.replay import queue_name

STORE = "sqlite:store.db"


def letter(id: str, pipeline: str, data: bytes = b'{"n": 1}') -> DeadLetter:
    attributes = {"specversion": "1.0", "id": f"event-{id}", "source": "/s", "type": "t"}
    event = Event({**attributes, "datacontenttype": "application/json"}, data)
    return DeadLetter(
        id=id,
        pipeline=pipeline,
        revision="abc",
        stage="steps[0].call",
        event=event,
        origin=event,
        metadata={"key": "k"},
        error="app shop answered 422",
        status=422,
        body=b"no such article",
        attempts=1,
        time=1_700_000_000.0,
    )


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[DeadLetter]:
    monkeypatch.chdir(tmp_path)
    kept = [letter("a", "orders"), letter("b", "orders", b"{broken"), letter("c", "payments")]

    async def keep() -> None:
        store = SqliteStore(STORE, SystemClock())
        await store.open()
        await store.add_dead_letters(kept)
        await store.close()

    asyncio.run(keep())
    return kept


def ids(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["dead-letters", "list", "--store", STORE, "--format", "json", *arguments]) == 0
    return [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("letters")
def test_list_is_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "list", "--store", STORE]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == "a  2023-11-14T22:13:20Z  orders:steps[0].call  event-a  (1 attempts)  app shop answered 422"
    assert last == "3 dead letters"
    assert ids(capsys, "--pipeline", "payments") == ["c"]


@pytest.mark.usefixtures("letters")
def test_show_is_the_whole_of_it_also_when_its_data_is_not_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "show", "--store", STORE, "a"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["event"]["data"] == {"n": 1}
    assert (shown["status"], shown["body"], shown["revision"]) == (422, "no such article", "abc")
    assert main(["dead-letters", "show", "--store", STORE, "b"]) == 0
    assert json.loads(capsys.readouterr().out)["event"]["data_base64"] == "e2Jyb2tlbg=="


@pytest.mark.usefixtures("letters")
def test_discard_deletes_those_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "discard", "--store", STORE, "a"]) == 0
    assert capsys.readouterr().out == "discarded 1 dead letter\n"
    assert ids(capsys) == ["b", "c"]


@pytest.mark.usefixtures("letters")
def test_replay_moves_them_to_the_queues_of_their_pipelines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "replay", "--store", STORE, "--all"]) == 0
    assert capsys.readouterr().out.startswith("replayed 3 dead letters: ")
    assert ids(capsys) == []

    async def replayed(pipeline: str) -> list[str]:
        store = SqliteStore(STORE, SystemClock())
        await store.open()
        queue = store.queue(queue_name(pipeline))
        received = await queue.read(10)
        await queue.close()
        await store.close()
        return [message.metadata["replayOf"] for message in received]

    assert asyncio.run(replayed("orders")) == ["a", "b"]
    assert asyncio.run(replayed("payments")) == ["c"]


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "x"], "there is no dead letter 'x' (`jackfield dead-letters list` lists them)"),
        (["replay"], "name dead letters by their ids, or all of them (`--all`, or ids from `list`)"),
        (["discard", "a", "--all"], "name dead letters by their ids, or all of them (`--all`, or ids from `list`)"),
    ],
)
def test_what_cannot_be_is_one_clear_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", *arguments, "--store", STORE]) == 2
    assert capsys.readouterr().err == f"jackfield: error: {message}\n"
