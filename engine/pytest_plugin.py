"""pytest collects the tests of pipelines: every `*.test.yaml`. Where there is none, the engine is not imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from engine.testing.fake import Fake
    from engine.testing.suite import PlacedTest, Suite

_SUFFIXES = (".test.yaml", ".test.yml")
_SUITES = pytest.StashKey[dict[Path, "Suite"]]()


class PipelineTestFailed(Exception):
    """What is wrong, for a person."""


@pytest.fixture
def jackfield_fake() -> Iterator[Fake]:
    """A fake engine without secrets and apps (docs/testing-apps.md)."""
    from engine.testing.fake import fake

    with fake() as engine:
        yield engine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("jackfield_folders", "the folders of definitions", type="paths", default=["pipelines"])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.name.endswith(_SUFFIXES):
        return PipelineTestFile.from_parent(parent, path=file_path)
    return None


class PipelineTestFile(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        suite = self._suite()
        for test in suite.tests:
            if test.document.path.resolve() == self.path.resolve():
                yield PipelineTestItem.from_parent(self, name=test.case.name, suite=suite, test=test)

    def _suite(self) -> Suite:
        """That of the definitions folder, which is loaded once."""
        import asyncio

        from engine.testing.suite import errors_of, load

        folder, suites = self._folder(), self.config.stash.setdefault(_SUITES, {})
        if folder not in suites:
            suite, report = asyncio.run(load(folder))
            if errors := errors_of(report):
                raise self.CollectError("\n".join(diagnostic.as_text() for diagnostic in errors))
            suites[folder] = suite
        return suites[folder]

    def _folder(self) -> Path:
        """One that the configuration names, else that of the file, or the one above its folder `tests`."""
        named = [self.config.rootpath / folder for folder in self.config.getini("jackfield_folders")]
        above = next((folder for folder in named if self.path.is_relative_to(folder)), None)
        beside = self.path.parent.parent if self.path.parent.name == "tests" else self.path.parent
        return above or beside


class PipelineTestItem(pytest.Item):
    def __init__(self, *, suite: Suite, test: PlacedTest, **more: Any) -> None:
        super().__init__(**more)
        self._suite = suite
        self._test = test

    def runtest(self) -> None:
        result = self._suite.run(self._test)
        if not result.passed:
            raise PipelineTestFailed("\n".join(result.lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, PipelineTestFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        line = self._test.document.span(("spec", "tests", self._test.index)).line
        return self.path, line - 1, self._test.name
