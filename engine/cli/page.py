"""A page of help, and its two forms: text for a terminal, and Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Code:
    text: str
    language: str = "yaml"


@dataclass(frozen=True, slots=True)
class Terms:
    """Words and their meanings."""

    terms: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Field:
    """`default` and `example` are as one would write them; empty where there is none."""

    name: str
    type: str
    required: str  # empty, or what it is required for
    default: str
    description: str
    example: str


@dataclass(frozen=True, slots=True)
class Fields:
    fields: Sequence[Field]


Block: TypeAlias = Heading | Text | Code | Terms | Fields


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    blocks: Sequence[Block]


def prose(text: str) -> Iterator[Block]:
    """Paragraphs, and between them what is indented, as code."""
    for paragraph in text.strip("\n").split("\n\n"):
        lines = paragraph.split("\n")
        start = next((number for number, line in enumerate(lines) if line.startswith(" ")), len(lines))
        if lines[:start]:
            yield Text(" ".join(lines[:start]))
        if lines[start:]:
            yield Code(textwrap.dedent("\n".join(lines[start:])))


class Terminal:
    """Text of at most `width` columns; code is never wrapped."""

    def __init__(self, width: int, color: bool) -> None:
        self._width = width
        self._color = color

    def render(self, page: Page) -> str:
        parts = [self._paint(page.title, "1"), *(self._block(block) for block in page.blocks)]
        return "\n\n".join(parts) + "\n"

    def _block(self, block: Block) -> str:
        match block:
            case Heading(text):
                return self._paint(text, "1")
            case Text(text):
                return self._wrap(text, _INDENT)
            case Code(text):
                return textwrap.indent(text.rstrip("\n"), _INDENT * 2)
            case Terms(terms):
                return "\n".join(self._term(name, meaning) for name, meaning in terms)
            case Fields(fields):
                return "\n\n".join(self._field(field) for field in fields)

    def _term(self, name: str, meaning: str) -> str:
        return f"{_INDENT}{self._paint(name, '36')}\n{self._wrap(meaning, _INDENT * 3)}"

    def _field(self, field: Field) -> str:
        facts = ", ".join(part for part in (field.type, field.required, _default(field)) if part)
        head = self._wrap(f"{field.name}  {facts}", _INDENT, _INDENT * 3)
        lines = [head.replace(field.name, self._paint(field.name, "36"), 1), self._wrap(field.description, _INDENT * 3)]
        if field.example:
            lines.append(f"{_INDENT * 3}{self._paint('example:', '2')} {field.example}")
        return "\n".join(lines)

    def _wrap(self, text: str, indent: str, following: str = "") -> str:
        return textwrap.fill(
            text,
            self._width,
            initial_indent=indent,
            subsequent_indent=following or indent,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _paint(self, text: str, tone: str) -> str:
        return f"\x1b[{tone}m{text}\x1b[0m" if self._color else text


class Markdown:
    """GitHub's Markdown; `level` is that of the title."""

    def __init__(self, level: int = 1) -> None:
        self._level = level

    def render(self, page: Page) -> str:
        parts = [f"{'#' * self._level} {page.title}", *(self._block(block) for block in page.blocks)]
        return "\n\n".join(parts) + "\n"

    def _block(self, block: Block) -> str:
        match block:
            case Heading(text):
                return f"{'#' * (self._level + 1)} {text}"
            case Text(text):
                return text
            case Code(text, language):
                return "\n".join((f"```{language}", text.rstrip("\n"), "```"))
            case Terms(terms):
                return "\n".join(f"- {_term(name)}: {meaning}" for name, meaning in terms)
            case Fields(fields):
                header = "| field | type | default | meaning | example |\n| --- | --- | --- | --- | --- |\n"
                return header + "\n".join(map(_row, fields))


def _default(field: Field) -> str:
    return f"default {field.default}" if field.default else ""


def _row(field: Field) -> str:
    default = _code(field.default) or field.required
    cells = (f"`{field.name}`", field.type, default, field.description, _code(field.example))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _term(name: str) -> str:
    return name if name.startswith("[") else f"`{name}`"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
