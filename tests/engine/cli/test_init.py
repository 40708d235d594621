from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli import main


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert main(["init", str(tmp_path / "hello")]) == 0
    return tmp_path / "hello"


@pytest.fixture
def app(project: Path) -> Iterator[str]:
    """The address of the project's app, which runs."""
    command = [sys.executable, "app.py", "0"]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


def post(url: str, body: bytes) -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_init_makes_a_project_and_says_what_is_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my project"
    assert main(["init", str(folder)]) == 0
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {"pipelines/hello.yaml", "pipelines/tests/hello.test.yaml", "app.py", "README.md", ".gitignore"}
    assert f"cd '{folder}' && jackfield run pipelines/" in capsys.readouterr().out


def test_init_overwrites_nothing_and_names_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.py").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert f"there is already {tmp_path / 'app.py'}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]
    assert (tmp_path / "app.py").read_text() == "mine"


def test_init_in_the_working_directory_needs_no_cd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "."]) == 0
    assert "cd " not in capsys.readouterr().out


def test_init_where_nothing_can_be_written_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_definitions_of_the_project_have_no_errors(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(project / "pipelines")]) == 0
    assert "1 pipeline, 1 PipelineTest: no errors" in capsys.readouterr().out


def test_app_answers_an_event(app: str) -> None:
    body = b'{"name": "world", "time": "2030-01-01T00:00:00Z"}'
    assert post(f"{app}/hello", body) == (200, {"greeting": "Hello, world!", "time": "2030-01-01T00:00:00Z"})


@pytest.mark.parametrize("body", [b"no json", b"{}", b"[]"])
def test_app_refuses_what_it_does_not_know(app: str, body: bytes) -> None:
    status, answer = post(f"{app}/hello", body)
    assert status == 400
    assert "error" in answer
