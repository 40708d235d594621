from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.engine.cli.ran import HTTP, OLD, output, run_through, writing
from tests.engine.definitions.folders import documents


def definition() -> Path:
    return Path("pipelines/orders.yaml")


@pytest.mark.parametrize("arguments", [["orders"], ["orders", "pipelines"], ["orders", "REVISION", "pipelines"]])
def test_rollback_writes_the_revision_before_the_last_or_the_one_that_is_named(
    revisions: list[str], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    now = definition().read_text()
    wanted = [revisions[1] if argument == "REVISION" else argument for argument in arguments]
    told = output(capsys, "rollback", wanted[0], "--dry-run", *wanted[1:])
    assert told.startswith("--- pipelines/orders.yaml\n+++ pipelines/orders.yaml\n")
    assert told.endswith(f"would roll orders back to revision {revisions[1]}\n")
    assert definition().read_text() == now

    told = output(capsys, "rollback", *wanted)
    assert told.endswith("the engine that runs follows, otherwise the next one starts it\n")
    assert "\n-  steps: [{filter: 'true'}]\n" in told
    assert "hunter" not in told
    assert definition().read_text() == documents(writing(OLD), HTTP)
    assert output(capsys, "rollback", *wanted) == f"orders is as it was in revision {revisions[1]} already\n"


def test_rollback_names_the_others_that_use_what_changes(
    revisions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pipelines/other.yaml").write_text(writing(name="other"))
    told = output(capsys, "rollback", "orders", revisions[1])
    assert "\nnote: the pipeline other uses c, too, and changes with it\n" in told


@pytest.mark.usefixtures("revisions")
def test_rollback_is_refused_with_the_errors_that_it_would_make(capsys: pytest.CaptureFixture[str]) -> None:
    now = definition().read_text() + "---\nkind: Pipelin\n"
    definition().write_text(now)
    told = output(capsys, "rollback", "orders", status=1)
    assert "error[E202]: there is no kind 'Pipelin'" in told
    assert told.splitlines()[-1].startswith("nothing was written: ")
    assert definition().read_text() == now


def test_there_may_be_nothing_to_go_back_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asyncio.run(run_through(tmp_path, documents(writing(OLD), HTTP)))
    told = output(capsys, "rollback", "orders", status=2)
    assert told == "jackfield: error: only one revision of 'orders' has run (there is none to go back to)\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["oders"], "there is no revision of a pipeline 'oders' (did you mean 'orders'?)"),
        (["orders", "x"], "orders has no revision 'x' (`jackfield revisions orders` lists them)"),
        (
            ["orders", "REVISION", "nowhere"],
            "the folder nowhere does not exist (`jackfield init` makes one)",
        ),
    ],
)
def test_what_there_is_not_is_an_error(
    revisions: list[str], arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [revisions[1] if argument == "REVISION" else argument for argument in arguments]
    assert output(capsys, "rollback", *wanted, status=2) == f"jackfield: error: {error}\n"
