"""Where the cursor is: at a key that is being written, or in the value of one."""

from __future__ import annotations

from dataclasses import dataclass

from engine.lsp.outline import Entry, Path, outline
from engine.lsp.positions import lines_of


@dataclass(frozen=True, slots=True)
class Cursor:
    """`path`: of the mapping or list that the key is in, or of the value. `word` has what is written before the
    cursor, from `start` on; `entry` is None between entries.
    """

    document: Entry
    entry: Entry | None
    path: Path
    in_value: bool
    line: int
    start: int
    word: str

    @property
    def kind(self) -> str:
        return self.document.text(("kind",))

    @property
    def siblings(self) -> set[str]:
        """The keys that are there beside the one that is being written."""
        parent = self.document.at(self.path)
        children = parent.children if parent is not None else []
        return {child.key for child in children if child is not self.entry and not child.is_partial}


def cursor_in(text: str, line: int, column: int) -> Cursor:
    """`line` and `column` count from 0, in characters."""
    lines = lines_of(text)
    written = lines[line][:column] if line < len(lines) else ""
    document = outline(lines, line, column)
    entries = [one for one in document.walk() if one.line == line and one.column <= column and not one.is_item]
    entry = max(entries, key=lambda one: one.column, default=None)
    if entry is None:
        return Cursor(document, None, (), False, line, column, "")
    in_value = not entry.is_partial and column > entry.column + len(entry.key)
    start = min(entry.value_column if in_value else entry.column, len(written))
    word = written[start:].lstrip()
    path = entry.path if in_value or entry.is_partial else entry.path[:-1]
    return Cursor(document, entry, path, in_value, line, len(written) - len(word), word)
