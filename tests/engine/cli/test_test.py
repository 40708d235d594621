from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine.cli import EXIT_COULD_NOT_RUN, EXIT_ERRORS, EXIT_OK, main
from engine.definitions.check import check
from engine.definitions.folder import Folder
from engine.definitions.pipeline_test import PipelineTest
from tests.engine.testing.projects import HEAD, PIPELINE, write_project

ROOT = Path(__file__).parents[3]
FOLDERS = ["pipelines", "engine/cli/project/pipelines"]

TESTS = """\
    - name: one passes
      events: [{data: {id: 1}}]
      expect: {outcomes: [done]}
    - name: one fails
      events: [{data: {id: 1}}]
      expect: {outcomes: [filtered]}
    - name: another passes
      events: [{id: a, data: {id: 1}}]
      expect: {outcomes: [done]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pipelines"


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_pipelines_of_this_repository_pass_their_tests(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--no-secrets", str(ROOT / folder)]) == EXIT_OK
    assert main(["test", str(ROOT / folder), "--coverage"]) == EXIT_OK
    assert ": never " not in capsys.readouterr().out


@pytest.mark.parametrize("folder", FOLDERS)
async def test_every_pipeline_of_this_repository_has_tests(folder: str) -> None:
    report = await check(Folder.load(ROOT / folder), secrets=False)
    tested = {one.model.spec.pipeline for one in report.definitions.others if isinstance(one.model, PipelineTest)}
    assert tested == set(report.definitions.pipelines)


def test_tests_that_pass_are_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(project, TESTS)

    assert main(["test", "-k", "ONE PASSES"]) == EXIT_OK

    first, last = capsys.readouterr().out.splitlines()
    assert first == "✓ t › one passes"
    assert last.startswith("1 passed in ")


def test_one_that_fails_is_status_1(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(project, TESTS)

    assert main(["test"]) == EXIT_ERRORS

    printed = capsys.readouterr().out
    assert "✗ t › one fails\n    pipelines/orders.test.yaml:14:26: the outcomes are others\n" in printed
    assert printed.splitlines()[-1].startswith("1 failed, 2 passed")


def test_one_that_cannot_be_run_says_why(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(project, TESTS)
    test = project / "orders.test.yaml"
    test.write_text(test.read_text().replace("SHOP_TOKEN", "SHOP_TOKN"))

    assert main(["test", "-k", "one passes"]) == EXIT_ERRORS

    line = capsys.readouterr().out.splitlines()[1].strip()
    assert line == (
        "pipelines/orders.test.yaml:11:15: it could not be run: the test gives no secret 'SHOP_TOKEN' "
        "(did you mean 'SHOP_TOKN'?)"
    )


@pytest.mark.parametrize("arguments", [["-k", "nothing"], ["nowhere"]])
def test_without_tests_it_could_not_run(
    project: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(project, TESTS)
    assert main(["test", *arguments]) == EXIT_COULD_NOT_RUN
    assert capsys.readouterr().err.startswith("jackfield: error: ")


def test_definitions_with_errors_could_not_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(project, TESTS, PIPELINE.replace("app: shop", "app: shp"))
    assert main(["test"]) == EXIT_COULD_NOT_RUN
    assert "pipelines/orders.yaml:8:19: error[E302]: there is no app 'shp'" in capsys.readouterr().err


def test_a_snapshot_is_written_and_compared(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = "    - name: A whole order\n      events: [{data: {id: 1}}]\n      expect: {snapshot: true}\n"
    write_project(project, test)

    assert main(["test", "--update"]) == EXIT_OK
    snapshot = project / "snapshots/orders/t-a-whole-order.json"
    assert json.loads(snapshot.read_text())["outcomes"] == [["event-1", "done"]]
    assert main(["test"]) == EXIT_OK

    snapshot.write_text(snapshot.read_text().replace('"done"', '"filtered"'))
    capsys.readouterr()
    assert main(["test"]) == EXIT_ERRORS
    printed = capsys.readouterr().out
    assert "it is not as in t-a-whole-order.json; `jackfield test --update` writes what is now" in printed
    assert '-      "filtered"\n' in printed
    assert '+      "done"\n' in printed


def test_a_snapshot_may_have_a_name_and_hold_bytes(project: Path) -> None:
    test = "    - name: one\n      events: [{data: {id: 1}}]\n      apps: {shop: {/orders: [{base64: /w==}]}}\n"
    write_project(project, f"{test}      expect: {{snapshot: here.json, deadLetters: [{{}}]}}\n")

    assert main(["test", "--update"]) == EXIT_OK
    assert json.loads((project / "here.json").read_text())["deadLetters"][0]["data"] == {"base64": "/w=="}


def test_coverage_says_what_no_test_has_done(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(project, TESTS)
    main(["test", "-k", "one passes", "--coverage"])
    printed = capsys.readouterr().out
    assert (
        "\n"
        "  33 %  orders\n"
        "          steps[0].filter: never filtered\n"
        "          steps[1].call: never retried\n"
        "          steps[1].call: never dead-lettered\n"
        "          outputs[0]: never skipped\n"
        "          outputs[0]: never retried\n"
        "          outputs[0]: never dead-lettered\n"
        "\n"
    ) in printed


def test_junit_has_every_test_and_what_is_wrong(project: Path, tmp_path: Path) -> None:
    write_project(project, TESTS)
    main(["test", "--junit", "results.xml"])

    [suite] = ElementTree.parse(tmp_path / "results.xml").getroot()  # noqa: S314 - our own file
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("t", "3", "1")
    assert [(case.get("name"), case.get("line"), len(case)) for case in suite] == [
        ("one passes", "9", 0),
        ("one fails", "12", 1),
        ("another passes", "15", 0),
    ]
    assert "the outcomes are others" in (suite[1][0].text or "")


def test_junit_that_cannot_be_written_is_an_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(project, TESTS)
    assert main(["test", "-k", "one passes", "--junit", "no/where.xml"]) == EXIT_COULD_NOT_RUN
    assert "no/where.xml cannot be written" in capsys.readouterr().err


def test_several_documents_and_pipelines_are_run_in_the_order_of_the_files(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(project, TESTS)
    test = "    - {name: other, events: [{data: {id: 0}}], expect: {outcomes: [filtered], calls: []}}\n"
    (project / "a.yaml").write_text(HEAD.replace("name: t", "name: first") + test)

    assert main(["test", "-k", "o"]) == EXIT_ERRORS
    assert capsys.readouterr().out.startswith("✓ first › other\n✓ t › one passes\n")
