from __future__ import annotations

import json

from engine.definitions.diagnostic import Diagnostic, Severity, Span

DIAGNOSTIC = Diagnostic(
    Span("pipelines/a.yaml", 12, 14, 12, 21),
    "E302",
    "there is no component 'uploda'",
    "did you mean 'uploads'?",
    source_line="    binding: uploda1",
    related=Span("pipelines/b.yaml", 3, 9),
    related_message="it is here",
)


def test_as_text_shows_the_line_with_a_caret_and_the_hint() -> None:
    assert DIAGNOSTIC.as_text() == (
        "pipelines/a.yaml:12:14: error[E302]: there is no component 'uploda'\n"
        " 12 |     binding: uploda1\n"
        "    |              ^^^^^^^\n"
        "   = help: did you mean 'uploads'?\n"
        "   = see: pipelines/b.yaml:3:9: it is here"
    )


def test_as_text_in_color_says_the_same() -> None:
    colored = DIAGNOSTIC.as_text(color=True)

    assert "\x1b[31;1merror[E302]\x1b[0m" in colored
    assert "\x1b[31;1m^^^^^^^\x1b[0m" in colored


def test_as_text_keeps_tabs_so_that_the_caret_is_below_its_character() -> None:
    text = Diagnostic(Span("f", 1, 3, 1, 4), "E105", "m", source_line="\t\tx").as_text()

    assert text.splitlines()[1:] == [" 1 | \t\tx", "   | \t\t^"]


def test_as_text_of_a_span_over_lines_ends_with_its_first() -> None:
    text = Diagnostic(Span("f", 1, 3, 4, 9), "E1", "m", source_line="a: bcd").as_text()

    assert text.splitlines()[2] == "   |   ^^^^"


def test_as_text_shows_the_part_of_a_long_line_around_the_span() -> None:
    line = "x" * 1000 + "here" + "y" * 1000

    shown, caret = Diagnostic(Span("f", 1, 1001, 1, 1005), "E1", "m", source_line=line).as_text().splitlines()[1:]

    assert len(shown) < 180
    assert shown[caret.index("^") :].startswith("here")
    assert caret.count("^") == 4


def test_as_text_has_nothing_that_a_terminal_obeys() -> None:
    text = Diagnostic(Span("f\x1b[2J", 1, 1), "E1", "a\x1b[31m\nb", "c\x07", source_line="d\x1b]0;x\x07 e").as_text()

    assert "\x1b" not in text
    assert "\x07" not in text
    assert len(text.splitlines()) == 4


def test_as_json_is_one_line_with_all_fields() -> None:
    text = DIAGNOSTIC.as_json()

    assert "\n" not in text
    assert json.loads(text) == {
        "file": "pipelines/a.yaml",
        "line": 12,
        "column": 14,
        "endLine": 12,
        "endColumn": 21,
        "severity": "error",
        "code": "E302",
        "message": "there is no component 'uploda'",
        "hint": "did you mean 'uploads'?",
        "related": [
            {
                "file": "pipelines/b.yaml",
                "line": 3,
                "column": 9,
                "endLine": 1,
                "endColumn": 1,
                "message": "it is here",
            }
        ],
    }


def test_as_json_without_a_related_place_has_none() -> None:
    warning = Diagnostic(Span("f"), "W101", "m", severity=Severity.WARNING)

    assert json.loads(warning.as_json())["severity"] == "warning"
    assert json.loads(warning.as_json())["related"] == []


def test_as_github_is_a_workflow_command() -> None:
    assert DIAGNOSTIC.as_github() == (
        "::error file=pipelines/a.yaml,line=12,endLine=12,endColumn=21,title=E302,col=14::"
        "there is no component 'uploda'%0Adid you mean 'uploads'?%0Apipelines/b.yaml:3:9: it is here"
    )


def test_as_github_escapes_what_would_end_the_command() -> None:
    diagnostic = Diagnostic(Span("a,b:c%.yaml", 1, 1, 2, 1), "W1", "50% of\n::error::x", severity=Severity.WARNING)

    assert diagnostic.as_github() == (
        "::warning file=a%2Cb%3Ac%25.yaml,line=1,endLine=2,title=W1,col=1::50%25 of\N{REPLACEMENT CHARACTER}::error::x"
    )
