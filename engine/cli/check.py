"""`jackfield check`: every mistake in the definitions of a folder, in one run."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.counted import counted
from engine.definitions.check import Definitions, Report, check
from engine.definitions.diagnostic import Diagnostic, Severity
from engine.definitions.folder import File, Folder, Located
from engine.definitions.pipeline_test import PipelineTest
from engine.definitions.source import shown_path, source_of

EXAMPLE = """jackfield check pipelines
  jackfield check pipelines --strict --no-secrets --format github
  jackfield check - < orders.yaml"""

EXIT_OK, EXIT_ERRORS = 0, 1
_STDIN = "<stdin>"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dir",
        metavar="DIR",
        nargs="?",
        default="pipelines",
        help="the folder (default: pipelines); or one file: it is read together with its folder, and only its own\n"
        "mistakes are shown; or -: the standard input, which has to be complete in itself",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "sarif", "github"),
        default="text",
        help="text: for people. json: one object a line for each error and warning. sarif: SARIF 2.1.0, for code\n"
        "scanning. github: workflow commands, which GitHub shows beside the lines",
    )
    parser.add_argument("--strict", action="store_true", help="a warning is an error")
    parser.add_argument(
        "--no-secrets",
        action="store_true",
        help="do not look whether secrets and environment variables are there, as on a build machine",
    )


def run(arguments: argparse.Namespace) -> int:
    """0 when there is no error (there may be warnings), 1 when there is one; a missing DIR is a `DefinitionError`."""
    started = time.perf_counter()
    gc.disable()  # all that is read is kept until the end, so that looking for garbage is a third of the time
    folder, only = _read(arguments.dir)
    report = asyncio.run(check(folder, secrets=not arguments.no_secrets))
    found = [diagnostic for diagnostic in report.diagnostics if only in (None, diagnostic.span.file)]
    if arguments.strict:
        found = [replace(diagnostic, severity=Severity.ERROR) for diagnostic in found]
    milliseconds = (time.perf_counter() - started) * 1000
    lines = _lines(found, arguments.format)
    if arguments.format == "text":
        shown = only or shown_path(Path(arguments.dir))
        lines.append(_count_of_mistakes(found) if found else _all_is_well(shown, report, only, milliseconds))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return EXIT_ERRORS if any(d.severity is Severity.ERROR for d in found) else EXIT_OK


def _read(name: str) -> tuple[Folder, str | None]:
    """What is to be checked, and the one file of it of which something is to be said; None for all."""
    path = Path(name)
    if name == "-":
        source = source_of(Path(_STDIN), _STDIN, sys.stdin.buffer.read())
        if isinstance(source, Diagnostic):
            return Folder(Path(), {}, [source]), _STDIN
        return Folder(Path(), {source.path: File.of(source)}), _STDIN
    if path.is_file():
        file = File.load(path)
        return Folder.load(path.parent).replace(path, file), file.shown
    return Folder.load(path), None


def _lines(found: Sequence[Diagnostic], format: str) -> list[str]:
    if format == "json":
        return [diagnostic.as_json() for diagnostic in found]
    if format == "github":
        return [diagnostic.as_github() for diagnostic in found]
    if format == "sarif":
        from engine.cli.sarif import sarif

        return [sarif(found)]
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return [f"{diagnostic.as_text(color)}\n" for diagnostic in found]


def _all_is_well(shown: str, report: Report, only: str | None, milliseconds: float) -> str:
    """The last line, and the only one when all is well."""
    return f"{shown}: {_count_of_definitions(report.definitions, only)}: no errors ({milliseconds:.0f} ms)"


def _count_of_mistakes(diagnostics: Sequence[Diagnostic]) -> str:
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    files = len({diagnostic.span.file for diagnostic in diagnostics})
    counts = {"error": errors, "warning": len(diagnostics) - errors}
    return f"{_listed(counts)} in {counted(files, 'file')}"


def _count_of_definitions(definitions: Definitions, only: str | None) -> str:
    tests = [one for one in definitions.others if isinstance(one.model, PipelineTest)]
    things: Mapping[str, Iterable[Located[Any]]] = {
        "pipeline": definitions.pipelines.values(),
        "component": definitions.components.values(),
        "app": definitions.apps.values(),
        "PipelineTest": tests,
        "other document": [one for one in definitions.others if not isinstance(one.model, PipelineTest)],
    }
    counts = {name: sum(only in (None, one.document.shown) for one in some) for name, some in things.items()}
    return _listed(counts) or "nothing is defined"


def _listed(counts: Mapping[str, int]) -> str:
    """`3 errors, 1 warning`, without those of which there is none."""
    return ", ".join(counted(count, name) for name, count in counts.items() if count)
