from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions.source import Source
from engine.definitions.yaml import parse
from tests.engine.definitions.folders import short


def found(text: str) -> list[str]:
    documents, diagnostics = parse(Source(Path("f.yaml"), "f.yaml", text))
    return [short(found) for found in (*diagnostics, *(d for document in documents for d in document.diagnostics))]


def values(text: str) -> list[object]:
    return [document.value for document in parse(Source(Path("f.yaml"), "f.yaml", text))[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n", "2:1 E105 a tab is used for indentation | indent with spaces"),
        ("a: 1\n\t\nb: 2\n", "2:1 E105 a tab is used for indentation | indent with spaces"),
        ("a: |\n\tx\n", "2:1 E105 a tab is used for indentation | indent with spaces"),
        ("a: b: c\n", "1:5 E104 there is a second `: ` in this value | put the value in quotes"),
        ("name:foo\nb: 1\n", "1:5 E104 there is no space after this colon | write `name: foo`"),
        ("a: 1\nb:foo\nc: 1\n", "2:1 E104 there is no `: ` after this key | write `b: foo`"),
        ("a: 1\nb\nc: 2\n", "2:1 E104 there is no `: ` after this key | write `name: value`"),
        ("a: 1\n b: 2\n", "2:3 E104 this key is not in line with the keys around it | start all keys"),
        ("a:\n  b: 1\n c: 2\n", "3:2 E104 this line starts in column 2, where nothing around it starts | start all"),
        ("a: 1\n- b\n", "2:1 E104 here is a list item among the keys of a mapping | indent the list below its key"),
        ("a: [1, 2\nb: 3\n", "1:4 E104 this `[` is not closed | put a `,` between the items and a `]` at the end"),
        ("a: {b: 1\nc: 2\n", "1:4 E104 this `{` is not closed | put a `,` between the items and a `}` at the end"),
        ("a: {", "1:4 E104 this `{` is not closed | close it at the end"),
        ("a: [x,,y]\n", "1:7 E104 a value is expected here | write one, or null"),
        ('a: "x\n', "1:4 E104 this quote is not closed | close it at the end of the text"),
        ("a: 'it's'\n", "1:8 E104 here is more text after the closing quote | put the whole value in quotes"),
        ('a: "\\q"\n', "1:5 E104 `\\q` is no escape of YAML | write \\\\ for a backslash"),
        ('a: "\\xZZ"\n', "1:7 E104 `\\x`, `\\u` and `\\U` need 2, 4 and 8 hexadecimal digits | write \\\\"),
        ("a: @x\n", "1:4 E104 a value cannot start with '@' | put the value in quotes"),
        ("a: %x\n", "1:4 E104 a value cannot start with '%' | put the value in quotes"),
        ("a: {{ x }}/y\n", "1:4 E104 a template must stand in quotes | put the whole value in quotes"),
        ("a: {{ x }}\n", '1:4 E107 a template must stand in quotes, else it is a mapping for YAML | write "{{ x }}"'),
        ("? [a]\n: b\n", "1:3 E107 a key must be a text | write `name: value`"),
        ("s: */5 * * * *\n", "1:4 E104 for YAML, `*` starts the name of an alias | a value that starts with `*` must"),
        ("a: &\n", "1:4 E104 for YAML, `&` starts the name of an alias | a value that starts with `&` must stand in"),
        ("a: *x\n", "1:4 E109 the alias *x stands for nothing: no `&` before it gives that name | correct the name"),
        ("a: &a 1\nb: &a 2\n", "2:4 E109 this `&` name is given a second time | use another name"),
        ("a: &a [*a]\n", "1:4 E109 an alias in it stands for the whole of it, which has no end | remove the alias"),
        ("a: - b\n", "1:4 E104 a list cannot start in the line of its key | start it in the next line"),
        ("a: | x\n y\n", "1:6 E104 text cannot start in the line of its `|` or `>` | start it in the next line"),
        ("a:\n- b\n- c\n -d: 1\n", "4:4 E104 this key is not in line with the keys around it | start all keys"),
        ("- a\nb: 1\n", "2:1 E104 a list item (`- …`) is expected here | start all items of a list in the same column"),
        ("  a: 1\nb: 2\n", "2:1 E104 here is something after the end of the document | start all keys of a document"),
        ("%FOO bar\n---\na: 1\n", "1:5 E104 this is no YAML: found unknown directive name"),
        ("a: \x07\n", "1:4 E104 the character U+0007 may not be in YAML: control characters are not allowed"),
        ("a: 1\nb: 2\na: 3\n", "3:1 E106 the key 'a' is here a second time | keep one of the two"),
        ("1: x\n'1': y\n", "2:1 E106 the key '1' is here a second time | keep one of the two"),
        (
            "a: !!python/object:os.system x\n",
            "1:4 E110 the tag !!python/object:os.system has no meaning in a definition",
        ),
        ("a: !secret x\n", "1:4 E110 the tag !secret has no meaning in a definition | leave it out"),
        ("<<: 3\n", "1:5 E110 `<<` merges mappings, and this is none | write `<<: *name`"),
        ("", "1:1 W101 there is no definition in this file | write one, or remove the file"),
        ("# nothing\n---\n# here\n", "1:1 W101 there is no definition in this file | write one, or remove the file"),
    ],
)
def test_parse_wrong_text_says_where_and_what_to_do(text: str, expected: str) -> None:
    diagnostics = found(text)

    assert len(diagnostics) == 1
    assert diagnostics[0].startswith(expected)


def test_parse_duplicate_key_shows_both_places() -> None:
    documents, _ = parse(Source(Path("f.yaml"), "f.yaml", "a: 1\nbc: 2\n  \nbc: 3\n"))

    [diagnostic] = documents[0].diagnostics

    assert (str(diagnostic.span), str(diagnostic.related)) == ("f.yaml:4:1", "f.yaml:2:1")
    assert diagnostic.related_message == "the first is here"
    assert diagnostic.span.end_column == 3


def test_parse_several_errors_finds_one_in_each_document() -> None:
    text = "a: 'x\n---\nb: [\n---\nc: 1\n---\nd: 1\nd: 2\n---\ne: {{ x }}\ne: 1\n"

    assert [line.partition(" ")[0] for line in found(text)] == ["1:4", "3:4", "8:1", "10:4", "11:1"]
    assert values(text)[0] == {"c": 1}


def test_parse_very_many_broken_documents_stops_after_twenty() -> None:
    assert len(found("a: 'x\n---\n" * 5000)) == 20


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "".join(f"{' ' * i}a:\n" for i in range(1000))]
)
def test_parse_deep_nesting_is_an_error(text: str) -> None:
    diagnostics = found(text)

    assert len(diagnostics) == 1
    assert "E108 here it is nested more than 64 deep | nest it less" in diagnostics[0]


def test_parse_nesting_of_64_is_allowed() -> None:
    assert found("[" * 64 + "]" * 64) == []


def test_parse_alias_bomb_is_an_error() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]\n"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)]

    diagnostics = found("".join(levels))

    assert diagnostics[0].startswith("1:1 E108 the document has ")
    assert "when its aliases are expanded, and at most 100,000 may be" in diagnostics[0]


def test_parse_nesting_through_aliases_is_an_error() -> None:
    levels = ["a0: &a0 1\n", *(f"a{n}: &a{n} {'[' * 20}*a{n - 1}{']' * 20}\n" for n in range(1, 9))]

    assert found("".join(levels)) == ["1:1 E108 with its aliases it is nested more than 64 deep | nest it less"]


def test_parse_aliases_and_merges_are_expanded() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a]\nd: {<<: [{x: 5}, *a]}\n"

    assert values(text) == [
        {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": [{"x": 1, "y": 2}], "d": {"x": 5, "y": 2}}
    ]


def test_parse_several_documents_leaves_out_the_empty_ones() -> None:
    assert values("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n") == [{"a": 1}, {"b": 2}]
