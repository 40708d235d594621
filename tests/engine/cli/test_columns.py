from __future__ import annotations

from engine.cli.columns import columns


def test_columns_marks_what_differs() -> None:
    lines = list(columns(["a", "b", "c", "d"], ["a", "x", "d", "e"], 23))

    assert lines == ["a            a", "b          | x", "c          <", "d            d", "           > e"]


def test_columns_cuts_what_is_too_long_and_paints_what_differs() -> None:
    [line] = columns(["x" * 50], ["y"], 23, color=True)

    assert line == f"\x1b[33m{'x' * 9}… | y\x1b[0m"
