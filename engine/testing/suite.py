"""The tests of a definitions folder: found, run and judged."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from engine.definitions.check import Definitions, Report, check
from engine.definitions.diagnostic import Diagnostic, Severity, Span
from engine.definitions.document import Document
from engine.definitions.folder import Folder
from engine.definitions.pipeline_test import AppAnswers, Case, PipelineTest
from engine.errors import JackfieldError
from engine.testing.bench import Bench
from engine.testing.coverage import Coverage, ways_of
from engine.testing.judge import Failure, Path, judge
from engine.testing.snapshot import compare, snapshot_path


@dataclass(frozen=True, slots=True)
class PlacedTest:
    """One test, and where it is written. `case` has what its document says for all of its tests."""

    suite: str
    pipeline: str
    case: Case
    document: Document
    index: int

    @property
    def name(self) -> str:
        return f"{self.suite} › {self.case.name}"

    def span(self, path: Path) -> Span:
        """The place of a path below `expect`, or of the nearest that is written there."""
        return self.document.span(("spec", "tests", self.index, "expect", *path))


@dataclass(frozen=True, slots=True)
class Result:
    """`failures` are empty when it has passed; `error`: why it could not be run."""

    test: PlacedTest
    failures: Sequence[Failure]
    seconds: float
    error: str = ""

    @property
    def passed(self) -> bool:
        return not self.failures and not self.error

    @property
    def lines(self) -> list[str]:
        """What is wrong, for a person: each with its place in the file of the test."""
        if self.error:
            return [f"{self.test.span(())}: it could not be run: {self.error}"]
        lines: list[str] = []
        for failure in self.failures:
            lines += [f"{self.test.span(failure.path)}: {failure.message}", *(f"  {line}" for line in failure.details)]
        return lines


@dataclass(slots=True)
class Suite:
    """All tests of a folder, and what they have covered so far."""

    definitions: Definitions
    coverage: dict[str, Coverage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.coverage = {name: Coverage(ways_of(one.model)) for name, one in self.definitions.pipelines.items()}

    @property
    def tests(self) -> Iterator[PlacedTest]:
        """In the order of their files."""
        for located in self.definitions.others:
            if isinstance(located.model, PipelineTest):
                spec = located.model.spec
                for index, case in enumerate(spec.tests):
                    more = {
                        "env": {**spec.env, **case.env},
                        "secrets": {**spec.secrets, **case.secrets},
                        "apps": _both(spec.apps, case.apps),
                    }
                    whole = case.model_copy(update=more)
                    yield PlacedTest(located.model.metadata.name, spec.pipeline, whole, located.document, index)

    def run(self, test: PlacedTest, *, update: bool = False) -> Result:
        """Runs one test; `update`: whether its snapshot is written."""
        started = time.perf_counter()
        failures: Sequence[Failure] = ()
        error = ""
        try:
            failures = self._failures(test, update)
        except (JackfieldError, OSError) as problem:
            error = str(problem)
        except Exception:  # a bug in a binding that runs as itself: the other tests go on
            error = traceback.format_exc()
        return Result(test, failures, time.perf_counter() - started, error)

    def _failures(self, test: PlacedTest, update: bool) -> list[Failure]:
        expect = test.case.expect
        bench = Bench(self.definitions, test.document.path.parent)
        record = bench.run(test.pipeline, test.case, self.coverage[test.pipeline])
        failures = judge(expect, record)
        if expect.snapshot:
            path = snapshot_path(test.document.path, f"{test.suite} {test.case.name}", expect.snapshot)
            failures += compare(record, path, update=update)
        return failures


def _both(apps: AppAnswers, more: AppAnswers) -> AppAnswers:
    """The answers of a test count before those of its document."""
    return {app: {**apps.get(app, {}), **more.get(app, {})} for app in {**apps, **more}}


async def load(folder: FilePath) -> tuple[Suite, Report]:
    """The tests of a folder, and what a check says of it; raises `DefinitionError` when there is no such folder."""
    report = await check(Folder.load(folder), secrets=False)
    return Suite(report.definitions), report


def errors_of(report: Report) -> list[Diagnostic]:
    """Why the tests of a folder cannot be run; warnings are for `jackfield check`."""
    return [diagnostic for diagnostic in report.diagnostics if diagnostic.severity is Severity.ERROR]
