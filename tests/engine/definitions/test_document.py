from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.definitions.document import Document, Step
from engine.definitions.source import Source
from engine.definitions.yaml import parse

TEXT = """\
plain: some words
single: 'in quotes'
double: "in quotes"
escaped: "tab\\tand {{ name }}"
doubled: 'it''s {{ name }}'
literal: |
  first
    {{ second }}

  last
folded: >
  one
  {{ two }}
long: some
  {{ more }} words
list:
  - a
  - {b: 1}
base: &base {x: 1}
merged:
  <<: *base
  y: 2
empty:
"""


def load(text: str) -> Document:
    return parse(Source(Path("f.yaml"), "f.yaml", text))[0][0]


@pytest.fixture
def document() -> Document:
    return load(TEXT)


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        ((), False, (1, 1)),
        (("plain",), False, (1, 8)),
        (("plain",), True, (1, 1)),
        (("list", 0), False, (17, 5)),
        (("list", 1, "b"), False, (18, 9)),
        (("list", 1, "b"), True, (18, 6)),
        (("merged", "y"), False, (22, 6)),
        (("merged", "x"), False, (19, 17)),
        (("plain", "deeper"), False, (1, 8)),
        (("list", 7, "b"), False, (17, 3)),
        (("nowhere", "at", "all"), True, (1, 1)),
        (("list", "nowhere"), True, (16, 1)),
    ],
)
def test_span_is_the_place_of_the_path_or_its_nearest_parent(
    document: Document, path: Sequence[Step], key: bool, place: tuple[int, int]
) -> None:
    span = document.span(path, key=key)

    assert (span.file, span.line, span.column) == ("f.yaml", *place)


def test_span_ends_where_the_value_ends(document: Document) -> None:
    plain, listed = document.span(("plain",)), document.span(("list",))

    assert (plain.end_line, plain.end_column) == (1, 18)
    assert (listed.end_line, listed.end_column) == (18, 11)


@pytest.mark.parametrize(
    ("name", "part", "place"),
    [
        ("plain", "words", (1, 13)),
        ("single", "quotes", (2, 13)),
        ("double", "quotes", (3, 13)),
        ("escaped", "{{", (4, 20)),
        ("doubled", "{{", (5, 17)),
        ("literal", "first", (7, 3)),
        ("literal", "second", (8, 8)),
        ("literal", "last", (10, 3)),
        ("folded", "{{", (13, 3)),
        ("long", "more", (15, 6)),
    ],
)
def test_text_span_is_the_place_of_a_part_of_the_text(
    document: Document, name: str, part: str, place: tuple[int, int]
) -> None:
    span = document.text_span((name,), document.value[name].index(part), len(part))

    assert (span.line, span.column, span.end_column) == (*place, place[1] + len(part))


def test_text_span_of_an_escaped_part_is_that_of_the_text(document: Document) -> None:
    span = document.text_span(("escaped",), document.value["escaped"].index("\t"))

    assert (span.line, span.column) == (4, 10)


def test_text_span_of_what_is_no_text_is_its_place(document: Document) -> None:
    assert document.text_span(("list",), 0).line == 17


def test_text_span_of_a_literal_block_with_an_indentation_indicator_is_exact() -> None:
    document = load("a: |2-\n    deep\n   x\n")

    assert document.value == {"a": "  deep\n x"}
    assert str(document.text_span(("a",), document.value["a"].index("deep"))) == "f.yaml:2:5"
    assert str(document.text_span(("a",), document.value["a"].index("x"))) == "f.yaml:3:4"


def test_columns_count_characters_and_lines_count_all_line_breaks() -> None:
    document = load("ä: 'é€𝄞 {{ x }}'\r\nb: 1\r\n")

    assert str(document.text_span(("ä",), 4, 2)) == "f.yaml:1:9"
    assert document.line_text(1) == "ä: 'é€𝄞 {{ x }}'"
    assert str(document.span(("b",))) == "f.yaml:2:4"


def test_get_gives_none_where_there_is_nothing(document: Document) -> None:
    assert document.get(("list", 1, "b")) == 1
    assert document.get(("list", 9)) is None
    assert document.get(("plain", "x", "y")) is None


def test_line_text_outside_of_the_file_is_empty(document: Document) -> None:
    assert document.line_text(1) == "plain: some words"
    assert document.line_text(0) == ""
    assert document.line_text(999) == ""


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("# head\na: 1\nb: 2  # two\n# after\n\n---\n# of the next\na: 2\n", ["a: 1\nb: 2  # two", "a: 2"]),
        ("--- {a: 1} # one\n---\n  a: 1\n  b: &x [1]\n  c: *x\n...\n", ["{a: 1}", "  a: 1\n  b: &x [1]\n  c: *x"]),
        ("a: |\n  one\n  # two\n\n\n# after\n---\na: >-\n  one\n", ["a: |\n  one\n  # two", "a: >-\n  one"]),
        ("a:\r\n  - 1\r\n\r\n---\r\nb: 2", ["a:\r\n  - 1", "b: 2"]),
    ],
)
def test_text_of_a_document_is_all_that_is_between_the_comments_around_it(text: str, texts: list[str]) -> None:
    documents, diagnostics = parse(Source(Path("f.yaml"), "f.yaml", text))
    assert not diagnostics
    assert [document.text for document in documents] == texts
