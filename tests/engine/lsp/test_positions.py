from __future__ import annotations

import pytest

from engine.lsp.positions import Positions


def utf_16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("ab\ncd", 2, 2, (1, 1)),
        ("a\U0001f600b\n", 1, 3, (0, 3)),  # one character, two units
        ("a\r\nb", 2, 1, (1, 0)),
        ("a\u2028b\nc", 2, 1, (0, 2)),  # a line for YAML, and none for the protocol
        ("a\u2028b\nc", 3, 1, (1, 0)),
        ("ab", 1, 9, (0, 2)),
        ("ab", 9, 1, (0, 0)),
    ],
)
def test_places_are_those_of_the_protocol(text: str, line: int, column: int, expected: tuple[int, int]) -> None:
    assert Positions(text, utf_16).of(line, column) == expected
