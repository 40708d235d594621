"""The outline of a document that may be broken, since somebody is typing in it: its keys by their indentation.

A parser of YAML gives nothing for half a line. This one takes each line for what it most likely is, knows the flow
style within a line, and never fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s#:{}\[\],"'-][^:#{}\[\],]*?)\s*:(?=\s|$)""")
_DASH = re.compile(r"-(\s+|$)")
_BLOCK_SCALAR = re.compile(r"[|>][-+\d]*\s*(#.*)?$")
_DOCUMENT_START = re.compile(r"---(\s|$)")


@dataclass(eq=False, slots=True)
class Entry:
    """A key with its value, or, where `is_item`, an item of a list. Lines and columns count from 0.

    `is_partial`: there is no colon, so that it may become a key, or is a value already; `key` is its text.
    """

    line: int
    column: int
    key: str = ""
    value: str = ""
    value_column: int = 0
    is_item: bool = False
    is_partial: bool = False
    parent: Entry | None = field(default=None, repr=False)
    children: list[Entry] = field(default_factory=list, repr=False)

    @property
    def path(self) -> Path:
        """From the root of the document; a partial entry is not a part of it."""
        if self.parent is None:
            return ()
        if self.is_partial:
            return self.parent.path
        items = [child for child in self.parent.children if child.is_item]
        return (*self.parent.path, items.index(self) if self.is_item else self.key)

    def child(self, key: str | int) -> Entry | None:
        if isinstance(key, int):
            items = [child for child in self.children if child.is_item]
            return items[key] if key < len(items) else None
        return next((child for child in self.children if child.key == key and not child.is_partial), None)

    def at(self, path: Path) -> Entry | None:
        entry: Entry | None = self
        for step in path:
            entry = entry.child(step) if entry is not None else None
        return entry

    def text(self, path: Path) -> str:
        """The text of the value at a path, without quotes; empty where there is none."""
        entry = self.at(path)
        return entry.value if entry is not None else ""

    def walk(self) -> Iterator[Entry]:
        yield self
        for child in self.children:
            yield from child.walk()


def outline(lines: Sequence[str], line: int, column: int) -> Entry:
    """The root of the document in which a line is. Where that is blank, a key is about to come at the column."""
    first = next((n for n in range(min(line, len(lines) - 1), -1, -1) if _DOCUMENT_START.match(lines[n])), -1) + 1
    following = (n for n in range(line + 1, len(lines)) if _DOCUMENT_START.match(lines[n]))
    return _Outliner(line, column).read(lines, first, next(following, len(lines)))


class _Outliner:
    def __init__(self, line: int, column: int) -> None:
        self._cursor = line, column
        self._root = Entry(-1, -1)
        self._open = [self._root]

    def read(self, lines: Sequence[str], first: int, end: int) -> Entry:
        skip_below = -1  # the column of the key whose block scalar this is
        for number in range(first, end):
            text = lines[number]
            stripped = text.strip()
            indent = len(text) - len(text.lstrip())
            if skip_below >= 0 and (not stripped or indent > skip_below):
                continue
            skip_below = -1
            if stripped and not stripped.startswith("#"):
                last = self._line(number, text, indent)
                if _BLOCK_SCALAR.match(last.value):
                    skip_below = last.column
            elif number == self._cursor[0] and not stripped:
                self._add(Entry(number, self._cursor[1], is_partial=True))
        return self._root

    def _line(self, number: int, text: str, column: int) -> Entry:
        while dash := _DASH.match(text, column):
            self._add(Entry(number, column, is_item=True))
            column = dash.end()
        if column >= len(text.rstrip()):
            return self._add(Entry(number, column, is_partial=True))
        if text[column] in "{[":
            self._flow(number, text, column, self._open[-1])
            return self._open[-1]
        key = _KEY.match(text, column)
        if key is None:
            return self._add(Entry(number, column, _plain(text[column:]), is_partial=True))
        start = key.end() + len(text[key.end() :]) - len(text[key.end() :].lstrip())
        entry = self._add(Entry(number, column, _unquoted(key[1]), _plain(text[start:]), start))
        if text[start : start + 1] in ("{", "["):
            self._flow(number, text, start, entry)
        return entry

    def _add(self, entry: Entry) -> Entry:
        """Puts it below the last one that stands further to the left; a list may stand right below its key."""
        while not (
            self._open[-1].column < entry.column
            or (entry.is_item and self._open[-1].column == entry.column and not self._open[-1].is_item)
        ):
            self._open.pop()
        _adopt(self._open[-1], entry)
        if not entry.is_partial:
            self._open.append(entry)
        return entry

    def _flow(self, number: int, text: str, at: int, owner: Entry) -> int:
        """Reads `{…}` or `[…]` from `at` on, as far as the line goes; gives where it ends."""
        is_list, closing = text[at] == "[", "]" if text[at] == "[" else "}"
        at += 1
        while True:
            at += len(text[at:]) - len(text[at:].lstrip())
            parent = _adopt(owner, Entry(number, at, is_item=True)) if is_list else owner
            at = self._flow_entry(number, text, at, parent)
            if text[at : at + 1] != ",":
                return at + 1 if text[at : at + 1] == closing else at
            at += 1

    def _flow_entry(self, number: int, text: str, at: int, parent: Entry) -> int:
        if text[at : at + 1] in ("{", "["):
            return self._flow(number, text, at, parent)
        key = _KEY.match(text, at)
        if key is None:
            end = _flow_end(text, at)
            _adopt(parent, Entry(number, at, _plain(text[at:end]), is_partial=True))
            return end
        start = key.end() + len(text[key.end() :]) - len(text[key.end() :].lstrip())
        end = _flow_end(text, start)
        entry = _adopt(parent, Entry(number, at, _unquoted(key[1]), _plain(text[start:end]), start))
        return self._flow(number, text, start, entry) if text[start : start + 1] in ("{", "[") else end


def _adopt(parent: Entry, entry: Entry) -> Entry:
    entry.parent = parent
    parent.children.append(entry)
    return entry


def _flow_end(text: str, at: int) -> int:
    """Where a scalar in flow style ends."""
    if text[at : at + 1] in ("'", '"'):
        closed = text.find(text[at], at + 1)
        return len(text) if closed < 0 else closed + 1
    while at < len(text) and text[at] not in ",{}[]":
        at += 1
    return at


def _plain(text: str) -> str:
    """A value without its quotes, or without the comment behind it."""
    text = text.strip()
    closed = text.find(text[0], 1) if text[:1] in ("'", '"') else -1
    return text[1:closed] if closed > 0 else re.sub(r"(^|\s)#.*", "", text).strip()


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
