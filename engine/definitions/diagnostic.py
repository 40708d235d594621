"""A diagnostic: what is wrong, where, why, and what to do; as text with a caret, as JSON, or as GitHub wants it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum

_LONGEST_LINE = 160  # characters
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


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
        code = paint(f"{self.severity}[{self.code}]", tone)
        lines = [f"{visible(str(self.span))}: {code}: {paint(visible(self.message), '1')}"]
        if self.source_line.strip():
            number = str(self.span.line)
            text, start, width = self._excerpt()
            # Tabs are kept, so that the caret stands below its character whatever the terminal makes of them.
            indent = "".join(char if char == "\t" else " " for char in text[:start])
            lines += [f" {number} | {text}", f" {' ' * len(number)} | {indent}{paint('^' * width, tone)}"]
        if self.hint:
            lines.append(f"   = {paint('help', '36')}: {visible(self.hint)}")
        if self.related:
            lines.append(f"   = {paint('see', '36')}: {visible(f'{self.related}: {self.related_message}')}")
        return "\n".join(lines)

    def _excerpt(self) -> tuple[str, int, int]:
        """The line, or the part of a long one around the span; where the span begins in it, and its width."""
        line, start = visible(self.source_line), self.span.column - 1
        end = self.span.end_column - 1 if self.span.end_line == self.span.line else len(line)
        width = max(1, min(end, len(line)) - start)
        if len(line) <= _LONGEST_LINE:
            return line, start, width
        first = max(0, min(start - _LONGEST_LINE // 4, len(line) - _LONGEST_LINE))
        dots = "…" if first else ""
        text = dots + line[first : first + _LONGEST_LINE]
        return text, start - first + len(dots), min(width, len(text) - (start - first) - len(dots))

    def as_json(self) -> str:
        """One JSON line with `file, line, column, endLine, endColumn, severity, code, message, hint, related`; each
        related place has the first five and a message.
        """
        related = [{**_place(self.related), "message": self.related_message}] if self.related else []
        told = {"severity": self.severity, "code": self.code, "message": self.message, "hint": self.hint}
        return json.dumps({**_place(self.span), **told, "related": related}, ensure_ascii=False)

    def as_github(self) -> str:
        """A workflow command, which GitHub shows beside the line (docs.github.com, "Workflow commands")."""
        properties = {**_place(self.span), "title": self.code}
        properties["col"] = properties.pop("column")
        if self.span.line != self.span.end_line:
            del properties["endColumn"]  # it may only be given within one line
        written = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
        related = f"{self.related}: {self.related_message}" if self.related else ""
        text = "\n".join(visible(part) for part in (self.message, self.hint, related) if part)
        return f"::{self.severity} {written}::{_escaped(text)}"


def _place(span: Span) -> dict[str, str | int]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _escaped(value: str | int, more: str = "") -> str:
    """For a workflow command: `%` and what ends a line, and in a property also what ends that."""
    return "".join(f"%{ord(char):02X}" if char in "%\r\n" + more else char for char in str(value))


def visible(text: str) -> str:
    """Without what a terminal obeys; each character keeps its place."""
    return text if text.isprintable() else _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _paint(text: str, tone: str) -> str:
    return f"\x1b[{tone}m{text}\x1b[0m"


def _plain(text: str, tone: str) -> str:
    return text
