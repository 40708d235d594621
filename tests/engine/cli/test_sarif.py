from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.definitions.codes import CODES
from tests.engine.definitions.folders import component, documents, pipeline, write


def log_of(capsys: pytest.CaptureFixture[str], folder: str) -> Any:
    main(["check", folder, "--format", "sarif"])
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pipe lines"


def test_sarif_has_a_result_for_each_diagnostic_and_a_rule_for_each_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"ä.yaml": pipeline(source="x"), "b.yaml": "", "c.yaml": pipeline(name="q", source="y")})

    run = log_of(capsys, folder.name)

    driver, results = run["tool"]["driver"], run["results"]
    assert driver["name"] == "jackfield"
    assert [(rule["id"], rule["shortDescription"]["text"]) for rule in driver["rules"]] == [
        ("E302", CODES["E302"][0]),
        ("W101", CODES["W101"][0]),
    ]
    assert [(one["ruleId"], one["ruleIndex"], one["level"]) for one in results] == [
        ("W101", 1, "warning"),
        ("E302", 0, "error"),
        ("E302", 0, "error"),
    ]
    assert run["columnKind"] == "unicodeCodePoints"
    [location] = results[2]["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "pipe%20lines/%C3%A4.yaml"},
        "region": {"startLine": 6, "startColumn": 20, "endLine": 6, "endColumn": 21},
    }


def test_sarif_has_the_related_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": documents(component(), component())})

    first, second = log_of(capsys, folder.name)["results"]

    [related] = first["relatedLocations"]
    assert related["message"]["text"] == "the other one is here"
    assert related["physicalLocation"] == second["locations"][0]["physicalLocation"]


def test_sarif_of_a_right_folder_has_no_results(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, {"a.yaml": pipeline()})

    assert log_of(capsys, folder.name)["results"] == []


def test_sarif_names_a_file_elsewhere_by_its_uri(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"a.yaml": ""})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    [result] = log_of(capsys, str(folder))["results"]

    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (folder / "a.yaml").as_uri()
