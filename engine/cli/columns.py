"""Two texts side by side, with a mark between the lines that differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from itertools import zip_longest

_TONES = {"<": "31", ">": "32", "|": "33"}


def columns(left: Sequence[str], right: Sequence[str], width: int, color: bool = False) -> Iterator[str]:
    """`<` stands beside what is only on the left, `>` what is only on the right, `|` what was changed.

    `width`: that of a whole line, in characters; what is too long for its half is cut.
    """
    half = max((width - 3) // 2, 10)
    for operation, *bounds in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        start, end, other_start, other_end = bounds
        for one, other in zip_longest(left[start:end], right[other_start:other_end]):
            mark = " " if operation == "equal" else "<" if other is None else ">" if one is None else "|"
            line = f"{_cut(one or '', half):<{half}} {mark} {_cut(other or '', half)}".rstrip()
            yield f"\x1b[{_TONES[mark]}m{line}\x1b[0m" if color and mark in _TONES else line


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
