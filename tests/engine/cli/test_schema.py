from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.definitions.schemas import schema_files, schema_names, schema_of


def test_schema_without_a_name_lists_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out.split() == schema_names()


@pytest.mark.parametrize(("name", "of"), [("pipeline", "Pipeline"), ("bindings.cron", "bindings.cron")])
def test_schema_of_a_name_is_printed(name: str, of: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == schema_of(of)


def test_schema_of_an_unknown_name_is_an_error_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "bindings.kron"]) == 2
    assert "did you mean 'bindings.cron'?" in capsys.readouterr().err


def test_schema_writes_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--write", str(tmp_path / "schemas")]) == 0
    assert f"$schema={tmp_path / 'schemas' / 'jackfield.schema.json'}" in capsys.readouterr().out
    written = {path.relative_to(tmp_path / "schemas").as_posix() for path in tmp_path.rglob("*.json")}
    assert written == {name for name, _ in schema_files()}


def test_schema_that_cannot_be_written_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["schema", "--write", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
