"""A diagnostic: what is wrong, where, why, and what to do; as text with the source line and a caret, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. Lines and columns count from 1, columns in characters; the end is exclusive."""

    file: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """`source_line` is the text of the line of `span`; `related` a second place, such as the first of two."""

    span: Span
    code: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    source_line: str = ""
    related: Span | None = None
    related_message: str = ""

    def as_text(self, color: bool = False) -> str:
        """`path:line:column: error[code]: message`, the source line with a caret, and the hint."""
        paint = _paint if color else _plain
        tone = "31;1" if self.severity is Severity.ERROR else "33;1"
        lines = [f"{self.span}: {paint(f'{self.severity}[{self.code}]', tone)}: {paint(self.message, '1')}"]
        if self.source_line.strip():
            number = str(self.span.line)
            lines += [
                f" {number} | {self.source_line}",
                f" {' ' * len(number)} | {self._indent()}{paint('^' * self._width(), tone)}",
            ]
        if self.hint:
            lines.append(f"   = {paint('help', '36')}: {self.hint}")
        if self.related:
            lines.append(f"   = {paint('see', '36')}: {self.related}: {self.related_message}")
        return "\n".join(lines)

    def _indent(self) -> str:
        # Tabs are kept, so that the caret stands below its character whatever the terminal makes of them.
        before = self.source_line[: self.span.column - 1]
        return "".join(char if char == "\t" else " " for char in before)

    def _width(self) -> int:
        end = self.span.end_column if self.span.end_line == self.span.line else len(self.source_line) + 1
        return max(1, min(end, len(self.source_line) + 1) - self.span.column)

    def as_json(self) -> str:
        """One JSON line with `file, line, column, endLine, endColumn, severity, code, message, hint`."""
        fields: Mapping[str, object] = {
            "file": self.span.file,
            "line": self.span.line,
            "column": self.span.column,
            "endLine": self.span.end_line,
            "endColumn": self.span.end_column,
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }
        related = {"related": {"place": str(self.related), "message": self.related_message}} if self.related else {}
        return json.dumps({**fields, **related}, ensure_ascii=False)


def _paint(text: str, tone: str) -> str:
    return f"\x1b[{tone}m{text}\x1b[0m"


def _plain(text: str, tone: str) -> str:
    return text
