"""The results as JUnit XML, which build servers read (the schema of the Ant task, as pytest and Maven write it)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from engine.errors import DefinitionError
from engine.testing.suite import Result


def write_junit(path: Path, results: Sequence[Result]) -> None:
    """Raises `DefinitionError` when the file cannot be written."""
    root = ElementTree.Element("testsuites")
    for name in dict.fromkeys(result.test.suite for result in results):
        own = [result for result in results if result.test.suite == name]
        counts = {
            "name": name,
            "tests": str(len(own)),
            "failures": str(sum(bool(result.failures) for result in own)),
            "errors": str(sum(bool(result.error) for result in own)),
            "time": f"{sum(result.seconds for result in own):.3f}",
        }
        suite = ElementTree.SubElement(root, "testsuite", counts)
        for result in own:
            _add(suite, result)
    ElementTree.indent(root)
    try:
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise DefinitionError(f"{path} cannot be written: {error.strerror}") from error


def _add(suite: ElementTree.Element, result: Result) -> None:
    span = result.test.document.span(("spec", "tests", result.test.index))
    about = {
        "name": result.test.case.name,
        "classname": result.test.suite,
        "file": span.file,
        "line": str(span.line),
        "time": f"{result.seconds:.3f}",
    }
    case = ElementTree.SubElement(suite, "testcase", about)
    if not result.passed:
        kind = "error" if result.error else "failure"
        message = result.error or result.failures[0].message
        wrong = ElementTree.SubElement(case, kind, {"message": message})
        wrong.text = "\n".join(result.lines)
