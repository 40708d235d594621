"""The docs are true: their definitions pass the check, their commands are parsed, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from engine.cli import COMMANDS, main
from engine.definitions.check import check
from engine.definitions.folder import Folder

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
    if ".venv" not in path.parts
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (page.relative_to(ROOT).as_posix(), text)
        for page in PAGES
        for found, text in _BLOCK.findall(page.read_text())
        if found == language
    ]


# The reference is generated, and shows what is wrong beside what is right: tests/engine/cli/ sees to it.
def is_generated(page: str) -> bool:
    return page == "docs/reference.md" or page.count(".") > 1


DEFINITIONS = [(page, text) for page, text in blocks("yaml") if "\nkind:" in text and not is_generated(page)]


def test_the_pages_are_found() -> None:
    assert {"README.md", "docs/pipelines.md", "docs/delivery.md"} <= {str(p.relative_to(ROOT)) for p in PAGES}


@pytest.mark.parametrize(("page", "text"), DEFINITIONS)
async def test_the_definitions_of_a_page_pass_the_check(page: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text(text)
    report = await check(Folder.load(tmp_path))
    assert not report.diagnostics, "\n".join(d.as_text() for d in report.diagnostics)


@pytest.mark.parametrize(("page", "text"), [(page, text) for page, text in DEFINITIONS if "kind: PipelineTest" in text])
def test_the_tests_of_a_page_pass(page: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text(text)
    assert main(["test", str(tmp_path)]) == 0


def test_the_tests_in_python_of_the_page_of_tests_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    [source] = [text for page, text in blocks("python") if page == "docs/testing.md"]
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - our own page
    names["test_many_orders_are_sent_in_batches"]()


def test_the_test_of_the_page_of_apps_passes() -> None:
    [source] = [text for page, text in blocks("python") if page == "docs/testing-apps.md"]
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - our own page
    names["test_order_is_saved_and_published"]()


@pytest.mark.parametrize(
    ("page", "line"),
    [(page, line) for page, text in blocks("sh") for line in re.findall(r"^jackfield [^#&|\n]*", text, re.MULTILINE)],
)
def test_the_commands_of_a_page_are_parsed(page: str, line: str) -> None:
    import argparse
    import importlib

    command, *arguments = shlex.split(line)[1:]
    assert command in COMMANDS, page
    parser = argparse.ArgumentParser()
    importlib.import_module(f"engine.cli.{command.replace('-', '_')}").configure(parser)
    of_the_app = arguments.index("--") if "--" in arguments else len(arguments)
    parser.parse_args(arguments[:of_the_app])  # exits, and so fails, when it does not fit


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    missing = [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


def test_the_make_targets_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets
