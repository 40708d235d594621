from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bindings.sqlite.store import SqliteStore
from engine.cli import EXIT_COULD_NOT_RUN, EXIT_ERRORS, EXIT_OK, main
from engine.clock import SystemClock
from engine.history import History
from engine.revision import revision_of
from tests.engine.cli.test_dead_letters import letter
from tests.engine.definitions.folders import app, component, documents, pipeline, report_of, write

STEPS = """\
  event: {type: order, subject: "{{ data.id }}"}
  steps:
    - filter: data.quantity > 0
    - transform: {id: "{{ data.id }}", quantity: "{{ data.quantity * 2 }}"}
    - call: {app: shop, path: "/orders/{{ data.id }}"}
  outputs:
    - {binding: done, metadata: {key: "{{ event.subject }}"}}
    - {binding: done, when: data.price > 100, data: "{{ data.price }}"}
"""
SHOP = app("  token: {secretKeyRef: {name: t, key: t}}\n  auth: {secretStore: vault}\n", name="shop")
VAULT = component("    - {name: secretsFile, value: no-such-file.json}\n", name="vault", type="secretstores.local.file")
ORDERS = documents(pipeline(STEPS, name="orders", source="c"), component(), component(name="done"), SHOP, VAULT)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, on a machine without a network."""

    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("a plan connects to nobody")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    write(tmp_path / "pipelines", {"orders.yaml": ORDERS})
    write(tmp_path, {"order.json": '{"id": 7, "quantity": 3}'})
    return tmp_path


def planned(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = EXIT_OK) -> Any:
    assert main(["plan", "orders", *arguments, "--format", "json"]) == status
    return json.loads(capsys.readouterr().out)


def history(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = EXIT_OK) -> list[Any]:
    return list(planned(capsys, *arguments, status=status)["plan"]["history"])


def effects(turns: Sequence[Any]) -> list[tuple[str, str]]:
    return [(turn["stage"], look["effect"]) for turn in turns if "stage" in turn for look in turn["events"]]


def test_plan_shows_each_step_the_request_and_what_depends_on_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    *turns, end = history(capsys, "--event", "order.json")

    assert effects(turns) == [
        ("event", "changed"),
        ("steps[0].filter", "passed"),
        ("steps[1].transform", "changed"),
        ("steps[2].call", "asked"),
        ("outputs[0]", "passed"),
        ("outputs[1]", "unknown"),
    ]
    event, _, transform, call, output, _ = turns
    assert event["events"][0]["before"]["type"] == "jackfield.memory"
    assert event["events"][0]["after"][0]["type"] == "order"
    assert transform["events"][0]["after"][0]["data"] == {"id": 7, "quantity": 6}
    [request] = call["requests"]
    assert (request["method"], request["url"]) == ("POST", "http://localhost:8000/orders/7")
    assert request["body"] == '{"id":7,"quantity":6}'
    assert request["headers"]["ce-type"] == "order"
    [operation] = output["operations"]
    assert (operation["component"], operation["operation"], operation["metadata"]) == ("done", "create", {"key": "7"})
    assert operation["event"]["dataIsUnknown"]
    assert end["end"] == "depends on the app's answer"


def test_plan_shows_no_token_and_opens_no_secret_store(capsys: pytest.CaptureFixture[str]) -> None:
    call = history(capsys, "--event", "order.json")[3]

    assert call["requests"][0]["headers"]["dapr-api-token"] == "***"


def test_plan_puts_nothing_of_a_secret_variable_anywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2")
    monkeypatch.setenv("REGION", "eu")
    spec = "  env: [SHOP_TOKEN, REGION]\n  steps: [{transform: '{{ env.SHOP_TOKEN }} {{ env.REGION }}'}]\n"
    write(folder / "pipelines", {"orders.yaml": pipeline(spec, name="orders")})

    assert main(["plan", "orders", "--event", "order.json"]) == EXIT_OK

    out = capsys.readouterr().out
    assert "  + *** eu\n" in out
    assert "hunter2" not in out


@pytest.mark.parametrize(
    ("answer", "outputs"),
    [
        ('{"price": 120}', [{"price": 120}, 120]),
        ('HTTP/1.1 200 OK\nContent-Type: application/json\n\n{"price": 5}', [{"price": 5}]),
        ("HTTP/1.1 202 Accepted\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\nce-subject: 7\r\n"
         'content-type: application/json\r\n\r\n{"price": 1000}', [{"price": 1000}, 1000]),
    ],
)  # fmt: skip
def test_plan_goes_on_with_an_answer_that_is_given(
    answer: str, outputs: list[Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"answer.json": answer})

    *turns, end = history(capsys, "--event", "order.json", "--answer", "answer.json")

    operations = [operation for turn in turns for operation in turn["operations"]]
    assert [json.loads(json.dumps(one["event"].get("data"))) for one in operations] == outputs
    assert end["end"] == "done"


def test_plan_of_a_refusal_ends_as_a_dead_letter(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"answer.http": "HTTP/1.1 422 No\n\nno such article"})

    *_, end = history(capsys, "--event", "order.json", "--answer", "answer.http", status=EXIT_ERRORS)

    assert (end["end"], end["stage"], end["status"]) == ("dead-lettered", "steps[2].call", 422)
    assert end["error"] == "app shop answered 422"


def test_plan_of_an_error_that_may_pass_ends_where_it_would_be_tried_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"answer.http": "HTTP/1.1 500 Oh\n\n"})

    *_, end = history(capsys, "--event", "order.json", "--answer", "answer.http")

    assert (end["end"], end["error"]) == ("tried again", "app shop answered 500")
    assert 0.1 <= end["afterSeconds"] <= 0.2


def test_plan_of_an_event_that_is_filtered_ends_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"order.json": '{"id": 7, "quantity": 0}'})

    turns = history(capsys, "--event", "order.json")

    assert effects(turns)[-1] == ("steps[0].filter", "filtered")
    assert turns[-1] == {"end": "filtered", "event": "order.json", "operations": []}


def test_plan_says_where_an_expression_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"order.json": '{"id": 7}'})

    assert main(["plan", "orders", "--event", "order.json"]) == EXIT_ERRORS

    out = capsys.readouterr().out
    assert "steps[0].filter  pipelines/orders.yaml:9:7  data.quantity > 0\n  ✗ expression 'data.quantity > 0'" in out
    assert "= order.json: dead-lettered at steps[0].filter: expression 'data.quantity > 0' failed: " in out


def test_plan_as_text_is_a_diff_and_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "orders", "--event", "order.json"]) == EXIT_OK

    out = capsys.readouterr().out
    assert out.startswith("orders of pipelines/orders.yaml, revision ")
    assert "  - type: jackfield.memory\n  + type: order\n" in out
    assert '  -   "quantity": 3\n  +   "quantity": 6\n' in out
    assert "  → POST http://localhost:8000/orders/7\n" in out
    assert "  → create on done (bindings.memory)\n    key: 7\n    id: order.json/orders.0\n" in out


def test_plan_in_a_terminal_has_colors_and_nothing_else_that_it_obeys(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = "  event: {type: order}\n  steps: [{filter: \"data.find('J') > 9\"}]\n"
    write(folder / "pipelines", {"orders.yaml": pipeline(steps, name="orders")})
    write(folder, {"order.txt": "\x1b[2J\n\x9b2J"})
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert main(["plan", "orders", "--event", "order.txt"]) == EXIT_OK

    out = capsys.readouterr().out
    assert "\x1b[32m+ type: order\x1b[0m" in out
    assert "[2J" in out
    assert "\x1b[2J" not in out
    assert "\x9b" not in out


def test_plan_splits_an_event_and_goes_on_with_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "pipelines", {"orders.yaml": pipeline("  steps: [{split: data}]\n", name="orders")})
    write(folder, {"items.json": "[1, 2]"})

    turns = history(capsys, "--event", "items.json")

    assert [event["id"] for event in turns[1]["events"][0]["after"]] == ["items.json/0", "items.json/1"]
    assert [one["event"] for one in turns if "end" in one] == ["items.json/0", "items.json/1"]


def test_plan_sends_a_batch_in_one_request(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = "  steps: [{call: {app: {url: 'http://u:pw@localhost:1'}, batch: {}, headers: {X-Api-Key: k}}}]\n"
    write(folder / "pipelines", {"orders.yaml": pipeline(call, name="orders")})
    event = {"specversion": "1.0", "id": "a", "source": "/s", "type": "t", "data": 1}
    write(folder, {"events.json": json.dumps([event, {**event, "id": "b"}])})

    [request] = history(capsys, "--event", "events.json")[1]["requests"]

    assert request["url"] == "http://u:***@localhost:1/"
    assert request["headers"]["X-Api-Key"] == "***"
    assert [(one["id"], one["data"]) for one in json.loads(request["body"])] == [("a", 1), ("b", 1)]


def test_plan_of_binary_data_has_the_type_of_its_suffix(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = "  steps: [{filter: \"metadata.key == 'k'\"}]\n  outputs: [{binding: {type: bindings.memory}}]\n"
    write(folder / "pipelines", {"orders.yaml": pipeline(steps, name="orders")})
    write(folder, {"a.png": b"\x89PNG\xff"})

    [event, _, output, _] = history(capsys, "--event", "a.png", "--metadata", "key=k")

    assert event["events"][0]["before"]["datacontenttype"] == "image/png"
    assert base64.b64decode(output["operations"][0]["event"]["data_base64"]) == b"\x89PNG\xff"
    assert main(["plan", "orders", "--event", "a.png", "--metadata", "key=k"]) == EXIT_OK
    assert "(5 bytes, SHA-256 " in capsys.readouterr().out


def test_plan_takes_the_event_from_the_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"id": 1, "quantity": 1}')))

    assert planned(capsys, "--event", "-")["events"] == "standard input"


def test_plan_shows_the_dead_letter_that_an_output_would_get(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = "{binding: c, metadata: {key: '{{ event.errorstage }}'}}"
    spec = f"  steps: [{{filter: data.n}}]\n  delivery: {{deadLetter: {where}}}\n"
    write(folder / "pipelines", {"orders.yaml": documents(pipeline(spec, name="orders"), component())})

    *_, end = history(capsys, "--event", "order.json", status=EXIT_ERRORS)

    [operation] = end["operations"]
    assert (operation["component"], operation["metadata"]) == ("c", {"key": "steps[0].filter"})


def test_plan_says_what_it_leaves_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    delivery = "  delivery: {orderBy: event.id, onDeadLetter: park, deduplicate: {}}\n"
    write(folder / "pipelines", {"orders.yaml": pipeline(delivery, name="orders")})

    notes = planned(capsys, "--event", "order.json")["plan"]["notes"]

    assert [note.partition(":")[0] for note in notes] == ["deduplicate", "onDeadLetter"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["order", "--event", "order.json"], "there is no pipeline 'order' that could run"),
        (["orders", "--event", "nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        (["orders", "--event", "order.json", "--metadata", "k"], "--metadata: 'k' has no value (write KEY=VALUE)"),
        (["orders", "--event", "order.json", "--answer", "bad.http"], "bad.http has no status line"),
        (["orders", "--last", "0", "--store", "sqlite:s.db"], "--last: 0 is not 1 or more"),
        (["orders"], "there is no store "),
    ],
)
def test_plan_that_cannot_be_made_says_why(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"bad.http": "HTTP/1.1\n\n"})
    asyncio.run(keep())

    assert main(["plan", *arguments]) == EXIT_COULD_NOT_RUN
    assert capsys.readouterr().err.startswith(f"jackfield: error: {message}")


async def keep(*ids: str) -> None:
    """Dead letters of `orders`, of which the last is the newest."""
    store = SqliteStore("sqlite:s.db", SystemClock())
    await store.open()
    await store.add_dead_letters([letter(id, "orders", b'{"id": "%s", "quantity": 1}' % id.encode()) for id in ids])
    await store.add_dead_letters([replace(letter("z", "others"))])
    await store.close()


def test_plan_of_the_last_takes_the_newest_dead_letters(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(keep("a", "b", "c"))

    shown = planned(capsys, "--last", "2", "--store", "sqlite:s.db")

    assert shown["events"] == "2 dead letters and 0 waiting at the input"
    ids = [
        event["before"]["id"]
        for turn in shown["plan"]["history"]
        if turn.get("stage") == "event"
        for event in turn["events"]
    ]
    assert ids == ["event-b", "event-c"]


def test_plan_of_a_dead_letter_begins_as_it_came_in(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(keep("a"))

    turns = history(capsys, "--from-dead-letter", "a", "--store", "sqlite:s.db")

    assert turns[0]["events"][0]["before"]["source"] == "/s"
    assert main(["plan", "orders", "--from-dead-letter", "z", "--store", "sqlite:s.db"]) == EXIT_COULD_NOT_RUN
    assert "the dead letter z is one of the pipeline 'others', not of 'orders'" in capsys.readouterr().err


def test_plan_sees_what_waits_in_a_queue_and_leaves_it_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = documents(pipeline(name="orders", source="q"), component(name="q", type="bindings.localqueue"))
    write(folder / "pipelines", {"orders.yaml": queue})
    asyncio.run(keep("a"))
    for number in range(3):
        assert main(["send", "q", "--data", str(number), "--store", "sqlite:s.db"]) == EXIT_OK
    capsys.readouterr()

    for _ in range(2):
        shown = planned(capsys, "--last", "3", "--store", "sqlite:s.db")
        assert shown["events"] == "1 dead letter and 2 waiting at the input"
        data = [look["before"]["data"] for look in shown["plan"]["history"][0]["events"]]
        assert data == [{"id": "a", "quantity": 1}, "0", "1"]


def test_plan_writes_no_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = "  outputs: [{binding: {type: bindings.localstorage, metadata: {rootPath: out}}}]\n"
    write(folder / "pipelines", {"orders.yaml": pipeline(output, name="orders")})
    before = sorted(folder.rglob("*"))

    [_, performed, _] = history(capsys, "--event", "order.json")

    assert performed["operations"][0]["type"] == "bindings.localstorage"
    assert sorted(folder.rglob("*")) == before


def test_plan_against_a_revision_shows_both(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = asyncio.run(ran_before(folder, ORDERS.replace("* 2", "* 3")))
    write(folder / "pipelines", {"orders.yaml": ORDERS})
    arguments = ["--event", "order.json", "--store", "sqlite:s.db", "--against", old]

    shown = planned(capsys, *arguments)

    assert shown["against"]["revision"] == old
    transformed = [plan["history"][2]["events"][0]["after"][0]["data"] for plan in (shown["against"], shown["plan"])]
    assert transformed == [{"id": 7, "quantity": 9}, {"id": 7, "quantity": 6}]
    assert main(["plan", "orders", *arguments]) == EXIT_OK
    changed = [line for line in capsys.readouterr().out.splitlines() if " | " in line and '+   "quantity"' in line]
    assert [line.split() for line in changed] == [["+", '"quantity":', "9", "|", "+", '"quantity":', "6"]]


async def ran_before(folder: Path, text: str) -> str:
    """The revision that an engine has kept of this text."""
    definitions = (await report_of(folder / "pipelines", {"orders.yaml": text}, secrets=False)).definitions
    located = definitions.pipelines["orders"]
    store = SqliteStore("sqlite:s.db", SystemClock())
    await store.open()
    await History(store, SystemClock()).record(located, definitions, revision_of(located, definitions))
    await store.close()
    return revision_of(located, definitions)


def test_plan_shows_what_would_be_published(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = "  input: {pubsub: t, topic: orders}\n  outputs: [{pubsub: t, topic: 'done/{{ data.id }}'}]\n"
    text = pipeline(ends, name="orders").replace("  input: {binding: {type: bindings.memory}}\n", "")
    write(folder / "pipelines", {"orders.yaml": documents(text, component(name="t", type="pubsub.in-memory"))})
    *_, output, end = history(capsys, "--event", "order.json")
    [operation] = output["operations"]
    assert (operation["component"], operation["operation"]) == ("t", "publish")
    assert (operation["metadata"], end["end"]) == ({"topic": "done/7"}, "done")
