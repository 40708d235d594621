from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.lsp.outline import Entry, outline

TEXT = """\
kind: Pipeline
---
spec:
  # a comment: with a colon
  "quoted key": 'a # b'
  url: http://h:80/x # here
  note: |
    in: the
    - text
  list:
  - a: {b: [c, {d: e
    f:
  -
"""


def paths(root: Entry) -> dict[tuple[str | int, ...], str]:
    return {one.path: one.value for one in root.walk() if one.parent is not None and not one.is_partial}


def test_the_outline_of_a_broken_document_has_the_path_of_each_key() -> None:
    assert paths(outline(TEXT.split("\n"), 12, 4)) == {
        ("spec",): "",
        ("spec", "quoted key"): "a # b",
        ("spec", "url"): "http://h:80/x",
        ("spec", "note"): "|",
        ("spec", "list"): "",
        ("spec", "list", 0): "",
        ("spec", "list", 0, "a"): "{b: [c, {d: e",
        ("spec", "list", 0, "a", "b"): "",
        ("spec", "list", 0, "a", "b", 0): "",
        ("spec", "list", 0, "a", "b", 1): "",
        ("spec", "list", 0, "a", "b", 1, "d"): "e",
        ("spec", "list", 0, "f"): "",
        ("spec", "list", 1): "",
    }


def test_the_outline_is_that_of_the_document_of_the_line() -> None:
    assert paths(outline(TEXT.split("\n"), 0, 0)) == {("kind",): "Pipeline"}


def test_a_blank_line_is_a_key_to_come_at_the_column_of_the_cursor() -> None:
    lines = ["spec:", "  steps:", "    - call:", "        ", "  outputs: []"]

    [key] = [one for one in outline(lines, 3, 8).walk() if one.line == 3]

    assert key.is_partial
    assert key.path == ("spec", "steps", 0, "call")


@given(st.text(st.sampled_from("ab:-{}[],#'\" \n|>"), max_size=60), st.integers(0, 5), st.integers(0, 20))
def test_no_text_is_too_broken(text: str, line: int, column: int) -> None:
    lines = text.split("\n")

    entries = list(outline(lines, min(line, len(lines) - 1), column).walk())

    assert all(root.parent is None for root in entries[:1])
    assert all(one.parent is not None and one.path is not None for one in entries[1:])
