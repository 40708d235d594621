from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from bindings.contract import Received
from bindings.sqlite.store import SqliteStore
from bindings.store import DeadLetter
from engine.cli import main
from engine.clock import SystemClock
from engine.event import Event
from engine.letter_lines import letter_of_line, line_of
from engine.replay import queue_name, wanted_revision

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
STORE = "sqlite:store.db"
NO_CHOICE = (
    "name dead letters by their ids, by conditions, or all of them (ids from `list`, conditions like --pipeline, or "
    "--all)"
)
BROKEN = (
    "the data is not JSON, as its content type says: Expecting property name enclosed in double quotes: line 1 column "
    "2 (char 1)"
)


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


async def at_the_store(work: Callable[[SqliteStore], Awaitable[T]]) -> T:
    store = SqliteStore(STORE, SystemClock())
    await store.open()
    try:
        return await work(store)
    finally:
        await store.close()


def all_letters() -> list[DeadLetter]:
    return list(asyncio.run(at_the_store(lambda store: store.dead_letters())))


async def until_one_is_gone(store: SqliteStore) -> None:
    async with asyncio.timeout(30):
        while await store.count_dead_letters() == 3:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.02)


def replayed(pipeline: str) -> list[Received]:
    """What is in the replay queue of a pipeline, which must not be empty."""

    async def read(store: SqliteStore) -> list[Received]:
        queue = store.queue(queue_name(pipeline))
        received = await queue.read(10)
        await queue.close()
        return list(received)

    return asyncio.run(at_the_store(read))


def ids(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["dead-letters", "list", "--store", STORE, "--format", "json", *arguments]) == 0
    return [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("letters")
def test_list_is_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "list", "--store", STORE]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == "a  2023-11-14T22:13:20Z  orders:steps[0].call  event-a  (1 attempt)  app shop answered 422"
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

    assert [message.metadata["replayOf"] for message in replayed("orders")] == ["a", "b"]
    assert [message.metadata["replayOf"] for message in replayed("payments")] == ["c"]


@pytest.mark.usefixtures("letters")
def test_conditions_choose_and_a_letter_on_which_the_expression_fails_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ids(capsys, "--error", "ANSWERED 422", "--pipeline", "orders") == ["a", "b"]
    assert ids(capsys, "--since", "2h") == []
    assert ids(capsys, "--until", "2h") == ["a", "b", "c"]
    assert ids(capsys, "--since", "2023-11-14T22:13:20Z", "--until", "2023-11-14T23:13:21+01:00") == ["a", "b", "c"]
    assert ids(capsys, "--where", "event.id == 'event-c' and metadata.key == 'k'") == ["c"]
    assert main(["dead-letters", "list", "--store", STORE, "--where", "data.n == 1"]) == 0
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == ["a", "c", "2"]
    assert told.err.startswith("note: left out 1 dead letter on which --where failed: b: the data is not JSON")
    assert main(["dead-letters", "list", "--store", STORE, "--where", "data.n", "--pipeline", "payments"]) == 0
    assert "c: 'data.n' must be true or false, and is 1" in capsys.readouterr().err


@pytest.mark.usefixtures("letters")
def test_discard_takes_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "discard", "--store", STORE, "--pipeline", "orders", "--until", "1h"]) == 0
    assert capsys.readouterr().out == "discarded 2 dead letters\n"
    assert ids(capsys) == ["c"]


@pytest.mark.usefixtures("letters")
def test_replay_that_is_dry_says_what_it_would_do_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "replay", "--store", STORE, "--dry-run", "--pipeline", "payments"]) == 0
    line, last = capsys.readouterr().out.splitlines()
    assert line == "c  payments  event-c  from steps[0].call"
    assert last == "would replay 1 dead letter; one whose pipeline has changed since goes the whole way"
    assert main(["dead-letters", "replay", "--store", STORE, "--dry-run", "--from-start", "c"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "c  payments  event-c  from the start",
        "would replay 1 dead letter",
    ]
    assert ids(capsys) == ["a", "b", "c"]


@pytest.mark.usefixtures("letters")
def test_replay_at_a_rate_replays_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "replay", "--store", STORE, "--all", "--rate", "1000/s"]) == 0
    assert capsys.readouterr().out.startswith("replayed 3 dead letters: ")
    assert ids(capsys) == []
    assert len(replayed("orders")) == 2


@pytest.mark.usefixtures("letters")
def test_replay_that_is_interrupted_leaves_the_rest_and_says_so() -> None:
    command = [sys.executable, "-m", "engine.cli", "dead-letters", "replay", "--all", "--rate", "1/h", "--store", STORE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        asyncio.run(at_the_store(until_one_is_gone))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert out == "stopped: replayed 1 dead letter, the others stay what they are\n"
    assert process.returncode == 130
    assert [one.id for one in all_letters()] == ["b", "c"]
    assert [message.metadata["replayOf"] for message in replayed("orders")] == ["a"]


def test_edit_changes_the_data_everywhere_where_no_step_had(
    letters: Sequence[DeadLetter], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", "edit", "--store", STORE, "b", "--data", '{"n": 2}']) == 0
    assert capsys.readouterr().out == "changed the data; a replay uses it, from steps[0].call and from the start\n"
    event = Event(letters[1].event.attributes, b'{"n": 2}')
    assert all_letters()[1] == replace(letters[1], event=event, origin=event)


@pytest.mark.usefixtures("letters")
def test_edit_of_data_that_a_step_had_changed_is_of_one_of_the_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = letter("d", "orders")
    one = replace(one, event=Event(one.event.attributes, b'"by a step"'))
    asyncio.run(at_the_store(lambda store: store.add_dead_letters([one])))
    (tmp_path / "data").write_bytes(b'"new"')
    assert main(["dead-letters", "edit", "--store", STORE, "d", "--file", "data"]) == 0
    assert "came in, which a step had made into this; change that with --origin" in capsys.readouterr().out
    assert main(["dead-letters", "edit", "--store", STORE, "d", "--data", "[]", "--origin"]) == 0
    assert "`jackfield dead-letters replay d --from-start` uses it" in capsys.readouterr().out
    changed = all_letters()[-1]
    assert (changed.event.data, changed.origin.data) == (b'"new"', b"[]")


def test_export_and_import_lose_nothing_and_add_only_what_is_not_there(
    letters: Sequence[DeadLetter], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = replace(letters[0], id="d", body=b"\xff\0", status=None, time=1.1234567, metadata={"ü": "\ud800"})
    odd = replace(odd, event=Event({**odd.event.attributes, "n": 1, "flag": True}, b"\0\xfe"), origin=odd.event)
    empty = replace(odd, id="e", body=None, event=Event(odd.event.attributes, None), origin=Event(odd.event.attributes))
    asyncio.run(at_the_store(lambda store: store.add_dead_letters([odd, empty])))
    assert main(["dead-letters", "export", "letters.jsonl", "--store", STORE]) == 0
    assert capsys.readouterr().err == "exported 5 dead letters\n"
    assert (tmp_path / "letters.jsonl").stat().st_mode & 0o777 == 0o600
    assert main(["dead-letters", "discard", "b", "d", "e", "--store", STORE]) == 0
    capsys.readouterr()
    for told in ("imported 3 dead letters; 2 were there already\n", "imported 0 dead letters; 5 were there already\n"):
        assert main(["dead-letters", "import", "letters.jsonl", "--store", STORE]) == 0
        assert capsys.readouterr().out == told
    assert all_letters() == [*letters, odd, empty]


def test_export_of_some_goes_to_the_standard_output(
    letters: Sequence[DeadLetter], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", "export", "-", "a", "c", "--store", STORE]) == 0
    assert [letter_of_line(line) for line in capfd.readouterr().out.splitlines()] == [letters[0], letters[2]]


def test_import_of_a_bad_line_says_which_and_keeps_what_was_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], letters: Sequence[DeadLetter]
) -> None:
    new = replace(letters[0], id="new")
    (tmp_path / "file").write_text(f"{line_of(new)}\n\n{{}}\n")
    assert main(["dead-letters", "import", "file", "--store", STORE]) == 2
    assert "file, line 3: not a dead letter: it needs the fields id, pipeline" in capsys.readouterr().err
    assert all_letters()[-1] == new


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--since", "yesterday"], "write it like 2h (ago) or 2026-11-24T08:00:00Z"),
        (["list", "--until", "2026-11-24T08:00:00"], "is not a time"),
        (["replay", "--all", "--rate", "50"], "'50' is not a rate; write it like 50/s, 10/m or 1/h"),
        (["replay", "--all", "--rate", "0/s"], "'0/s' is not a rate"),
    ],
)
def test_option_that_is_none_is_told(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["dead-letters", *arguments, "--store", STORE])
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "x"], "there is no dead letter 'x' (`jackfield dead-letters list` lists them)"),
        (["replay"], NO_CHOICE),
        (["discard"], NO_CHOICE),
        (["discard", "a", "--all"], "dead letters are named by their ids or by conditions, not by both"),
        (["export", "file", "a", "--error", "x"], "dead letters are named by their ids or by conditions, not by both"),
        (["discard", "a", "x"], "there is no dead letter 'x' (`jackfield dead-letters list` lists them)"),
        (["list", "--where", "not dta"], "--where, column 5: there is no 'dta' here (did you mean 'data'?)"),
        (["list", "--where", "data.n = 1"], "--where, column 8: `=` is not expected here (compare with `==`)"),
        (
            ["list", "--where", "env.X == 'y'"],
            "--where: there is no 'env' here (there are event, data, metadata and now)",
        ),
        (["edit", "a", "--data", "{"], BROKEN),
        (["edit", "a", "--file", "missing"], "cannot read missing: No such file or directory"),
        (["import", "missing"], "cannot read missing: No such file or directory"),
        (["export", "store.db"], "store.db exists already (name a file that does not)"),
        (["export", "no/file"], "no/file cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_is_one_clear_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", *arguments, "--store", STORE]) == 2
    assert capsys.readouterr().err == f"jackfield: error: {message}\n"


def test_store_that_is_not_there_is_told_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dead-letters", "list", "--store", "sqlite:mistyped.db"]) == 2
    assert f"there is no store {tmp_path / 'mistyped.db'}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("letters")
def test_replay_may_be_by_the_revision_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "replay", "a", "--revision", "failed", "--dry-run", "--store", STORE]) == 0
    out = capsys.readouterr().out
    assert out == "a  orders  event-a  from steps[0].call  by revision abc\nwould replay 1 dead letter\n"
    assert main(["dead-letters", "replay", "a", "--revision", "failed", "--store", STORE]) == 0
    assert [wanted_revision(one) for one in replayed("orders")] == ["abc"]
