from __future__ import annotations

import subprocess
import sys

import pytest

import engine.testing  # noqa: F401 - what is first imported by a run of pytester is forgotten after it, C types included
from tests.engine.testing.projects import PIPELINE, write_project

PLUGINS = ("-p", "no:cacheprovider", "-p", "no:asyncio")
GOOD = "    - {name: one passes, events: [{data: {id: 1}}], expect: {outcomes: [done]}}\n"
BAD = "    - {name: one fails, events: [{data: {id: 1}}], expect: {outcomes: [filtered]}}\n"


def test_tests_of_pipelines_are_collected_and_run(pytester: pytest.Pytester) -> None:
    write_project(pytester.path / "pipelines", GOOD + BAD)

    result = pytester.runpytest(*PLUGINS)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*t › one fails*",
            "*pipelines/orders.test.yaml:10:71: the outcomes are others",
            '*- [[]"filtered"[]]',
            '*+ [[]"done"[]]',
        ]
    )


@pytest.mark.parametrize("at", ["definitions", "definitions/tests"])
def test_tests_stand_beside_the_definitions_or_below_them(pytester: pytest.Pytester, at: str) -> None:
    project = write_project(pytester.path / "definitions", GOOD)
    (pytester.path / at).mkdir(exist_ok=True)
    (project / "orders.test.yaml").rename(pytester.path / at / "x.test.yml")

    pytester.runpytest(*PLUGINS, "-k", "passes").assert_outcomes(passed=1)


@pytest.mark.parametrize(("folder", "option"), [("shop", "jackfield_folders = shop"), ("pipelines", "")])
def test_a_folder_that_the_configuration_names_is_that_of_all_below_it(
    pytester: pytest.Pytester, folder: str, option: str
) -> None:
    pytester.makeini(f"[pytest]\n{option}\n")
    project = write_project(pytester.path / folder, GOOD)
    (project / "deep/er").mkdir(parents=True)
    (project / "orders.test.yaml").rename(project / "deep/er/orders.test.yaml")

    pytester.runpytest(*PLUGINS).assert_outcomes(passed=1)


def test_definitions_with_errors_are_errors_of_the_collection(pytester: pytest.Pytester) -> None:
    write_project(pytester.path / "pipelines", GOOD, PIPELINE.replace("app: shop", "app: shp"))

    result = pytester.runpytest(*PLUGINS)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*error[[]E302[]]: there is no app 'shp'*"])


def test_nothing_of_the_engine_is_imported_where_there_are_no_such_tests() -> None:
    code = "import sys, engine.pytest_plugin; print([m for m in sys.modules if m.startswith(('aiohttp', 'engine.'))])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "['engine.pytest_plugin']\n"
