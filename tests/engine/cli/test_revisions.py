from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.engine.cli.ran import HTTP, OLD, output, run_through, writing
from tests.engine.definitions.folders import documents


def test_revisions_are_a_line_each_with_the_last_first(
    revisions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    new, old = revisions
    assert output(capsys, "revisions", "orders").splitlines() == [
        f"{new}  2023-11-14T22:13:22Z  orders.yaml  (runs, or ran last)",
        f"{old}  2023-11-14T22:13:21Z  orders.yaml  1 dead letter",
    ]
    lines = [json.loads(line) for line in output(capsys, "revisions", "orders", "--format", "json").splitlines()]
    assert [(line["revision"], line["isLast"], line["deadLetters"], line["files"]) for line in lines] == [
        (new, True, 0, ["orders.yaml"]),
        (old, False, 1, ["orders.yaml"]),
    ]


def test_revision_that_started_again_has_both_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (id,) = asyncio.run(run_through(tmp_path, *[documents(writing(OLD), HTTP)] * 3))
    assert output(capsys, "revisions", "orders") == (
        f"{id}  2023-11-14T22:13:23Z  orders.yaml  1 dead letter  first at 2023-11-14T22:13:21Z  (runs, or ran last)\n"
    )


def test_diff_is_of_the_documents_and_shows_no_secret(revisions: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    new, old = revisions
    told = output(capsys, "revisions", "orders", "--diff", old)
    assert told.startswith("--- orders.yaml (Pipeline orders)\n+++ orders.yaml (Pipeline orders)\n")
    assert "\n+  steps: [{filter: 'true'}]\n" in told
    assert "orders.yaml (Component c): only what is not shown differs: a secret" in told
    assert "hunter" not in told
    assert "\n-  steps: [{filter: 'true'}]\n" in output(capsys, "revisions", "orders", "--diff", new, old)
    assert output(capsys, "revisions", "orders", "--diff", new) == "there is no difference\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["oders"], "there is no revision of a pipeline 'oders' (did you mean 'orders'?)"),
        (["orders", "--diff", "x"], "orders has no revision 'x' (`jackfield revisions orders` lists them)"),
        (["orders", "--diff", "x", "y", "z"], "--diff compares one revision with the last one, or two with each other"),
    ],
)
@pytest.mark.usefixtures("revisions")
def test_what_there_is_not_is_an_error(arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "revisions", *arguments, status=2) == f"jackfield: error: {error}\n"
