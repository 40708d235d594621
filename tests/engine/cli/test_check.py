from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.cli import EXIT_COULD_NOT_RUN, EXIT_ERRORS, EXIT_OK, main
from tests.engine.definitions.folders import app, component, documents, pipeline, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pipelines"


def test_check_of_a_right_folder_prints_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": documents(pipeline(source="c"), pipeline(name="q"), component(), app())})

    assert main(["check"]) == EXIT_OK

    printed = capsys.readouterr()
    assert re.fullmatch(r"pipelines: 2 pipelines, 1 component, 1 app: no errors \(\d+ ms\)\n", printed.out)
    assert printed.err == ""


def test_check_prints_each_mistake_and_counts_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": pipeline(source="c1"), "b.yaml": component(name="c"), "c/d.yaml": "# nothing\n"})

    assert main(["check", "pipelines"]) == EXIT_ERRORS

    assert capsys.readouterr().out == (
        "pipelines/a.yaml:6:20: error[E302]: there is no component 'c1'\n"
        " 6 |   input: {binding: c1}\n"
        "   |                    ^^\n"
        "   = help: did you mean 'c'?\n"
        "\n"
        "pipelines/c/d.yaml:1:1: warning[W101]: there is no definition in this file\n"
        " 1 | # nothing\n"
        "   | ^\n"
        "   = help: write one, or remove the file\n"
        "\n"
        "1 error, 1 warning in 2 files\n"
    )


def test_check_with_warnings_only_is_fine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": ""})

    assert main(["check"]) == EXIT_OK
    assert capsys.readouterr().out.endswith("\n\n1 warning in 1 file\n")


def test_check_as_json_prints_one_object_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": documents(pipeline(source="x"), pipeline(name="q", source="y"))})

    assert main(["check", "--format", "json"]) == EXIT_ERRORS

    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(d["file"], d["line"], d["code"]) for d in found] == [
        ("pipelines/a.yaml", 6, "E302"),
        ("pipelines/a.yaml", 13, "E302"),
    ]


def test_check_as_json_of_a_right_folder_prints_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": pipeline()})

    assert main(["check", "--format", "json"]) == EXIT_OK
    assert capsys.readouterr().out == ""


def test_check_without_secrets_does_not_look_for_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    item = "    - {name: url, envRef: NOT_SET_ANYWHERE}\n"
    write(folder, {"a.yaml": component(item, type="bindings.http")})

    assert main(["check"]) == EXIT_ERRORS
    assert main(["check", "--no-secrets"]) == EXIT_OK


def test_check_of_no_folder_could_not_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nowhere"]) == EXIT_COULD_NOT_RUN
    assert "the folder nowhere does not exist" in capsys.readouterr().err


def test_check_of_an_empty_folder_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()

    assert main(["check"]) == EXIT_OK
    assert capsys.readouterr().out.startswith("pipelines: nothing is defined: no errors (")
