"""`jackfield test`: the tests of pipelines, with no network and no waiting."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import EXIT_COULD_NOT_RUN, EXIT_ERRORS, EXIT_OK

if TYPE_CHECKING:
    from engine.testing.coverage import Coverage
    from engine.testing.suite import Result

EXAMPLE = """jackfield test pipelines
  jackfield test -k refused --coverage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", nargs="?", default="pipelines", help="the folder (default: pipelines)")
    parser.add_argument("-k", metavar="NAME", default="", help="only tests with this in their name or their document's")
    parser.add_argument("--update", action="store_true", help="write the snapshots anew")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write the results as JUnit XML too")
    parser.add_argument(
        "--coverage", action="store_true", help="show which ways through the pipelines no test has gone"
    )


def run(arguments: argparse.Namespace) -> int:
    """0 when all tests pass, 1 when one fails, 2 when they cannot be run; a missing DIR is a `DefinitionError`."""
    from engine.testing.junit import write_junit
    from engine.testing.suite import errors_of, load

    started = time.perf_counter()
    suite, report = asyncio.run(load(Path(arguments.dir)))
    if errors := errors_of(report):
        print("\n".join(diagnostic.as_text() for diagnostic in errors), file=sys.stderr)
        return EXIT_COULD_NOT_RUN
    chosen = [test for test in suite.tests if arguments.k.casefold() in test.name.casefold()]
    if not chosen:
        which = f" with {arguments.k!r} in its name" if arguments.k else ""
        print(f"jackfield: error: there is no test{which} in {arguments.dir}", file=sys.stderr)
        return EXIT_COULD_NOT_RUN
    results = []
    for test in chosen:
        result = suite.run(test, update=arguments.update)
        results.append(result)
        print(_shown(result))
    if arguments.coverage:
        print(_coverage(suite.coverage))
    if arguments.junit is not None:
        write_junit(arguments.junit, results)
    print(_summary(results, time.perf_counter() - started))
    return EXIT_OK if all(result.passed for result in results) else EXIT_ERRORS


def _shown(result: Result) -> str:
    if result.passed:
        return f"✓ {result.test.name}"
    return "\n".join([f"✗ {result.test.name}", *(f"    {line}" for line in result.lines), ""])


def _coverage(coverage: Mapping[str, Coverage]) -> str:
    lines = [""]
    for name, of_pipeline in coverage.items():
        lines.append(f"{of_pipeline.percent:4.0f} %  {name}")
        lines += [f"          {stage}: never {way}" for stage, way in of_pipeline.missing]
    return "\n".join([*lines, ""])


def _summary(results: Sequence[Result], seconds: float) -> str:
    failed = sum(not result.passed for result in results)
    passed = f"{len(results) - failed} passed"
    return f"{f'{failed} failed, ' if failed else ''}{passed} in {seconds:.2f} s"
