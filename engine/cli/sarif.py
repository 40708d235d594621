"""Diagnostics as SARIF 2.1.0, which code scanning services and editors read (OASIS, sarif-v2.1.0)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from engine.definitions.codes import CODES
from engine.definitions.diagnostic import Diagnostic, Severity, Span
from engine.version import VERSION

_Object: TypeAlias = dict[str, Any]


def sarif(diagnostics: Sequence[Diagnostic]) -> str:
    """One log with one run; its rules are the codes that were found."""
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    driver = {"name": "jackfield", "version": VERSION, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, codes) for diagnostic in diagnostics],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rule(code: str) -> _Object:
    title, explanation = CODES[code]
    return {"id": code, "shortDescription": {"text": title}, "help": {"text": explanation.strip()}}


def _result(diagnostic: Diagnostic, codes: Sequence[str]) -> _Object:
    text = "\n".join(part for part in (diagnostic.message, diagnostic.hint) if part)
    result: _Object = {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": "error" if diagnostic.severity is Severity.ERROR else "warning",
        "message": {"text": text},
        "locations": [{"physicalLocation": _location(diagnostic.span)}],
    }
    if diagnostic.related is not None:
        place = {"physicalLocation": _location(diagnostic.related), "message": {"text": diagnostic.related_message}}
        result["relatedLocations"] = [place]
    return result


def _location(span: Span) -> _Object:
    path = Path(span.file)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    return {"artifactLocation": {"uri": uri}, "region": region}
