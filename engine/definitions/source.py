"""The text of one file, as people see it: with its lines, and the diagnostics that point into it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.definitions.diagnostic import Diagnostic, Severity, Span

MAX_FILE_SIZE = 2**20  # bytes

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1, and so libyaml, counts as one


@dataclass(frozen=True)
class Source:
    """`shown` is the path as people are told it: relative to the working directory when it is below it."""

    path: Path
    shown: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return LINE_BREAK.split(self.text)

    def line(self, number: int) -> str:
        """The text of a line, counted from 1; empty where there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def span(self, line: int, column: int, length: int = 1) -> Span:
        return Span(self.shown, line, column, line, column + length)

    def span_at(self, offset: int, length: int = 1) -> Span:
        """The place of a character of the text."""
        before = LINE_BREAK.split(self.text[:offset])
        return self.span(len(before), len(before[-1]) + 1, length)

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        hint: str = "",
        related: Span | None = None,
        related_message: str = "",
    ) -> Diagnostic:
        return Diagnostic(
            span, code, message, hint, Severity.ERROR, self.line(span.line), related, related_message if related else ""
        )

    def warning(self, code: str, message: str, span: Span, hint: str = "") -> Diagnostic:
        return Diagnostic(span, code, message, hint, Severity.WARNING, self.line(span.line))


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file does, as far as can be seen without reading it."""

    modified: int  # nanoseconds
    size: int
    inode: int


def shown_path(path: Path) -> str:
    """A path as people are told it."""
    name = os.fsencode(path).decode(errors="replace")
    return name.removeprefix(os.getcwd() + os.sep)


def stamp_of(path: Path) -> Stamp | None:
    """None for a file that is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


def read_source(path: Path) -> Source | Diagnostic:
    """The file's text, or why there is none; a file that is too large is not read."""
    source = Source(path, shown_path(path), "")
    start = source.span(1, 1)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # to open a pipe would be to wait for its writer
            return source.error("E101", "this is no regular file", start, "move it out of this folder")
        size, data = status.st_size, b""
        if size <= MAX_FILE_SIZE:
            with open(path, "rb") as file:
                data = file.read(MAX_FILE_SIZE + 1)
    except FileNotFoundError:
        return source.error("E101", "the file is gone", start, "it was there when the folder was listed")
    except OSError as error:
        return source.error("E101", f"the file cannot be read: {error.strerror}", start, "see its owner and its rights")
    return source_of(path, source.shown, data, size)


def source_of(path: Path, shown: str, data: bytes, size: int = 0) -> Source | Diagnostic:
    """The text that these bytes are, or why they are none; `size`: that of the file where not all of it was read."""
    source = Source(path, shown, "")
    if max(size, len(data)) > MAX_FILE_SIZE:
        return source.error(
            "E102",
            f"the file has {max(size, len(data)):,} bytes, and a definition at most {MAX_FILE_SIZE:,}",
            source.span(1, 1),
            "split it into several files, or keep it outside of this folder",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return source.error("E103", "the file is UTF-16", source.span(1, 1), "save it as UTF-8")
    if b"\0" in data:
        place = _place_of_byte(source, data, data.index(b"\0"))
        return source.error("E103", "this is no text file: it has a zero byte", place, "move it out of this folder")
    try:
        return Source(source.path, source.shown, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        place = _place_of_byte(source, data, error.start)
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        return source.error("E103", message, place, "save the file as UTF-8")


def _place_of_byte(source: Source, data: bytes, offset: int) -> Span:
    return Source(source.path, source.shown, data[:offset].decode(errors="replace")).span_at(offset)
