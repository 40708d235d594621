"""`jackfield check`: every mistake in the definitions of a folder, in one run."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from engine.definitions.check import Definitions, Report, check
from engine.definitions.diagnostic import Diagnostic, Severity
from engine.definitions.folder import Folder
from engine.definitions.source import shown_path

EXAMPLE = "jackfield check pipelines"

EXIT_OK, EXIT_ERRORS = 0, 1


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", metavar="DIR", nargs="?", default="pipelines", help="the folder (default: pipelines)")
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text: for people. json: one object a line for each error and warning, and nothing else",
    )
    parser.add_argument(
        "--no-secrets",
        action="store_true",
        help="do not look whether secrets and environment variables are there, as on a build machine",
    )


def run(arguments: argparse.Namespace) -> int:
    """0 when there is no error (there may be warnings), 1 when there is one; a missing DIR is a `DefinitionError`."""
    started = time.perf_counter()
    gc.disable()  # all that is read is kept until the end, so that looking for garbage is a third of the time
    root = Path(arguments.dir)
    report = asyncio.run(check(Folder.load(root), secrets=not arguments.no_secrets))
    milliseconds = (time.perf_counter() - started) * 1000
    if arguments.format == "json":
        lines = [diagnostic.as_json() for diagnostic in report.diagnostics]
    else:
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        lines = [f"{diagnostic.as_text(color)}\n" for diagnostic in report.diagnostics]
        lines.append(_summary(root, report, milliseconds))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return EXIT_ERRORS if any(d.severity is Severity.ERROR for d in report.diagnostics) else EXIT_OK


def _summary(root: Path, report: Report, milliseconds: float) -> str:
    """The last line, and the only one when all is well."""
    if report.diagnostics:
        return _count_of_mistakes(report.diagnostics)
    return f"{shown_path(root)}: {_count_of_definitions(report.definitions)}: no errors ({milliseconds:.0f} ms)"


def _count_of_mistakes(diagnostics: Sequence[Diagnostic]) -> str:
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    files = len({diagnostic.span.file for diagnostic in diagnostics})
    counts = [_plural(errors, "error"), _plural(len(diagnostics) - errors, "warning")]
    return f"{', '.join(count for count in counts if count)} in {_plural(files, 'file')}"


def _count_of_definitions(definitions: Definitions) -> str:
    counts = [
        _plural(len(definitions.pipelines), "pipeline"),
        _plural(len(definitions.components), "component"),
        _plural(len(definitions.apps), "app"),
        _plural(len(definitions.others), "other document"),
    ]
    return ", ".join(count for count in counts if count) or "nothing is defined"


def _plural(count: int, thing: str) -> str:
    """`3 errors`, `1 error`, or nothing for none."""
    return f"{count:,} {thing}{'s' if count > 1 else ''}" if count else ""
