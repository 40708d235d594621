from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_check_of_the_standard_input_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, pipeline(source="c").encode())

    assert main(["check", "-"]) == EXIT_ERRORS
    assert capsys.readouterr().out.startswith("<stdin>:6:20: error[E302]: there is no component 'c'\n")


def test_check_of_a_standard_input_that_is_right_is_fine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, documents(pipeline(source="c"), component()).encode())

    assert main(["check", "-"]) == EXIT_OK
    assert capsys.readouterr().out.startswith("<stdin>: 1 pipeline, 1 component: no errors (")


def test_check_of_a_standard_input_that_is_no_text_says_where(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, b"a: \xff\n")

    assert main(["check", "-"]) == EXIT_ERRORS
    assert capsys.readouterr().out.startswith("<stdin>:1:4: error[E103]: the byte 0xff is not UTF-8\n")


def test_check_of_one_file_knows_the_names_beside_it_and_shows_only_its_mistakes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"a.yaml": pipeline(source="c"), "b.yaml": component(), "c.yaml": pipeline(name="q", source="d")})

    assert main(["check", "pipelines/a.yaml"]) == EXIT_OK
    assert capsys.readouterr().out.startswith("pipelines/a.yaml: 1 pipeline: no errors (")
    assert main(["check", "pipelines/c.yaml"]) == EXIT_ERRORS
    assert capsys.readouterr().out.endswith("\n\n1 error in 1 file\n")


def test_check_that_is_strict_takes_a_warning_for_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": ""})

    assert main(["check", "--strict"]) == EXIT_ERRORS

    out = capsys.readouterr().out
    assert "a.yaml:1:1: error[W101]: " in out
    assert out.endswith("\n\n1 error in 1 file\n")


def test_check_for_github_prints_a_workflow_command_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": pipeline(source="c1")})

    assert main(["check", "--format", "github"]) == EXIT_ERRORS
    assert capsys.readouterr().out == (
        "::error file=pipelines/a.yaml,line=6,endLine=6,endColumn=22,title=E302,col=20::"
        "there is no component 'c1'%0Athis folder defines no component\n"
    )


def test_the_pre_commit_hook_runs_the_check(folder: Path) -> None:
    """Its entry and its arguments, as pre-commit joins them."""
    root = Path(__file__).parents[3]
    [hook] = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    command = [*shlex.split(hook["entry"]), *hook["args"]]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    write(folder, {"a.yaml": pipeline()})

    def status() -> int:
        environment = {**os.environ, "PATH": path}
        return subprocess.run(command, cwd=folder.parent, env=environment, check=False, capture_output=True).returncode

    assert status() == EXIT_OK
    write(folder, {"a.yaml": pipeline(source="c1")})
    assert status() == EXIT_ERRORS
