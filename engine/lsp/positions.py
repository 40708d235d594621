"""Places in a text as the protocol counts them: from 0, in UTF-16 units, or what client and server have agreed on."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import TypeAlias

from engine.definitions.source import LINE_BREAK

Units: TypeAlias = Callable[[str], int]
"""How long a text is for the client."""

_PROTOCOL_BREAK = re.compile("\r\n|[\n\r]")  # YAML has more of them (LSP 3.17, "Text Documents")


def lines_of(text: str) -> list[str]:
    """The lines as the protocol has them."""
    return _PROTOCOL_BREAK.split(text)


class Positions:
    """Of one text."""

    def __init__(self, text: str, units: Units) -> None:
        self._text = text
        self._units = units
        self._starts = [0, *(match.end() for match in LINE_BREAK.finditer(text))]
        self._protocol_starts = [0, *(match.end() for match in _PROTOCOL_BREAK.finditer(text))]

    def of(self, line: int, column: int) -> tuple[int, int]:
        """The protocol's line and character of a line and a column that count from 1, in YAML's lines."""
        start = self._starts[min(line, len(self._starts)) - 1]
        offset = min(start + column - 1, len(self._text))
        number = bisect_right(self._protocol_starts, offset) - 1
        return number, self._units(self._text[self._protocol_starts[number] : offset])
