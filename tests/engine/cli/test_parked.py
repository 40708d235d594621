from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bindings.sqlite.store import SqliteStore
from bindings.store import DeadLetter
from engine.cli import main
from engine.clock import SystemClock
from engine.event import Event

STORE = "sqlite:store.db"


def letter(id: str, key: str) -> DeadLetter:
    event = Event({"specversion": "1.0", "id": f"event-{id}", "source": "/s", "type": "t"}, b"{}")
    return DeadLetter(id, "orders", "abc", "park", event, event, {}, "no", None, None, 1, 1_700_000_000.0, key)


@pytest.fixture(autouse=True)
def parked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys x and y of one pipeline."""
    monkeypatch.chdir(tmp_path)

    async def fill() -> None:
        store = SqliteStore(STORE, SystemClock())
        await store.open()
        await store.add_dead_letters([letter("a", "x"), letter("b", "x"), letter("c", "y")])
        marks = {"orders/x": {"letter": "a", "time": 1_700_000_000.0, "token": "t"}}
        marks["orders/y"] = {"letter": "c", "time": 1_700_000_001.0, "token": "u"}
        await store.set_marks("parked", {key: json.dumps(mark) for key, mark in marks.items()})
        await store.close()

    asyncio.run(fill())


def jackfield(*arguments: str) -> int:
    return main(["parked", *arguments, "--store", STORE])


def test_list_says_since_when_and_how_many_wait(capsys: pytest.CaptureFixture[str]) -> None:
    assert jackfield("list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "orders  x  since 2023-11-14T22:13:20Z by a  (2 dead letters)",
        "orders  y  since 2023-11-14T22:13:21Z by c  (1 dead letter)",
        "2 parked keys",
    ]


def test_list_of_another_pipeline_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert jackfield("list", "--pipeline", "payments") == 0
    assert capsys.readouterr().out == "0 parked keys\n"


def test_list_as_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert jackfield("list", "--format", "json") == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first == {
        "pipeline": "orders",
        "key": "x",
        "since": "2023-11-14T22:13:20Z",
        "deadLetter": "a",
        "waiting": 2,
    }


def test_release_sends_the_letters_of_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert jackfield("release", "orders", "x") == 0
    assert capsys.readouterr().out.startswith("released x: 2 dead letters on their way")
    assert main(["dead-letters", "list", "--store", STORE]) == 0
    assert "1 dead letter\n" in capsys.readouterr().out


def test_release_of_all_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert jackfield("release", "orders", "--all") == 0
    assert [line[:10] for line in capsys.readouterr().out.splitlines()] == ["released x", "released y"]
    assert jackfield("release", "payments", "--all") == 0
    assert capsys.readouterr().out == "no key of pipeline payments is parked\n"


@pytest.mark.parametrize("arguments", [["orders"], ["orders", "x", "--all"]])
def test_release_wants_a_key_or_all(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert jackfield("release", *arguments) == 2
    assert "say which key to release" in capsys.readouterr().err


def test_release_of_a_key_that_is_not_parked_says_which_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert jackfield("release", "orders", "z") == 2
    assert "no key 'z' of pipeline orders is parked" in capsys.readouterr().err
