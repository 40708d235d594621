from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import grammar
from engine.cli import main
from engine.cli.page import Code, Field, Fields, Heading, Markdown, Page, Terminal, Terms, Text, prose
from engine.cli.topics import NAMES, topics
from engine.definitions.bindings import Binding, component_binding
from engine.definitions.codes import CODES
from engine.definitions.definition import Definition, understand
from engine.definitions.diagnostic import Severity
from engine.definitions.examples import EXAMPLES
from engine.definitions.kinds import KINDS
from engine.definitions.schemas import schema_of
from engine.definitions.source import Source
from engine.definitions.yaml import parse
from engine.registry import component_type, component_types

ROOT = Path(__file__).parents[3]


def definition(text: str) -> Definition:
    documents, diagnostics = parse(Source(Path("x.yaml"), "x.yaml", text))
    assert diagnostics == []
    [document] = documents
    return understand(document)


def errors(found: Definition) -> list[str]:
    return [one.as_text() for one in found.diagnostics if one.severity is Severity.ERROR]


def names(schema: dict[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from names(field)
    for part in (schema.get("items"), *schema.get("anyOf", ())):
        yield from names(part) if part else ()


def explained(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["explain", name]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", topics())
def test_page_fits_its_width(name: str) -> None:
    page = topics()[name]()
    code = "\n".join(block.text for block in page.blocks if isinstance(block, Code))
    for line in Terminal(72, color=False).render(page).splitlines():
        unbreakable = line.strip() in code or line.startswith("      example: ") or len(line.split()) == 1
        assert len(line) <= 72 or unbreakable or line == page.title, line


@pytest.mark.parametrize("name", component_types())
def test_page_of_a_type_has_all_of_its_manifest(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    page, manifest = explained(name, capsys), component_type(name)
    assert page.startswith(f"{name}\n")
    for term in (*names(schema_of(name)), *manifest.operations, *manifest.input_metadata, *manifest.output_metadata):
        assert f"\n  {term}" in page
    assert manifest.example.splitlines()[-1] in page


@pytest.mark.parametrize("name", component_types())
def test_example_of_a_type_is_valid(name: str) -> None:
    found = definition(component_type(name).example)
    assert errors(found) == []
    binding = component_binding(found)
    assert isinstance(binding, Binding)
    assert binding.manifest.name == name
    assert list(binding.check()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_page_of_a_kind_has_every_field_and_its_example(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = explained(kind, capsys)
    for name in names(schema_of(kind)):
        assert f"{name}  " in page or f"spec.{name}" in page or name == "spec"
    assert EXAMPLES[kind].splitlines()[-1] in page


@pytest.mark.parametrize("kind", KINDS)
def test_example_of_a_kind_has_no_errors(kind: str) -> None:
    assert errors(definition(EXAMPLES[kind])) == []


def test_example_of_a_pipeline_has_every_field() -> None:
    assert set(names(schema_of("Pipeline"))) - set(keys(EXAMPLES["Pipeline"])) == set()


def keys(text: str) -> Iterator[str]:
    """All keys of a YAML text, also of the mappings that stand in its comments."""
    for line in text.splitlines():
        for word in line.replace("{", " ").split():
            if word.endswith(":"):
                yield word.removesuffix(":")


def test_field_has_a_page_of_all_its_places(capsys: pytest.CaptureFixture[str]) -> None:
    printed = explained("RETRY", capsys)

    assert "spec.delivery.retry  mapping" in printed
    assert "spec.outputs[].retry.maxAttempts  whole number, default 5" in printed
    assert "In bindings.localqueue" in explained("visibilityTimeout", capsys)
    assert main(["explain", "deduplikate"]) == 2
    assert "(did you mean 'deduplicate'?)" in capsys.readouterr().err


def test_names_in_expressions_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(NAMES) == grammar.NAMES
    page = explained("pipeline", capsys)
    assert all(f"\n  {name}\n" in page for name in NAMES)


@pytest.mark.parametrize("code", CODES)
def test_page_of_a_code_has_its_title(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(code.lower(), capsys).startswith(f"{code}: {CODES[code][0]}\n")


def test_without_a_name_everything_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name}\n" in out for name in topics())
    assert "\x1b" not in out


@pytest.mark.parametrize(("name", "hint"), [("bindings.corn", "bindings.cron"), ("cron", "bindings.cron")])
def test_unknown_name_is_an_error_with_the_nearest(name: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 2
    assert f"did you mean '{hint}'?" in capsys.readouterr().err


def test_name_like_no_other_leads_to_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "#"]) == 2
    assert "`jackfield explain` lists" in capsys.readouterr().err


def test_all_pages_are_printed_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--all", "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# Reference\n")
    assert all(f"\n## {name}\n" in out for name in (*KINDS, *component_types()))


PAGE = Page(
    "bindings.x",
    [
        Text("Some words, and more of them."),
        Heading("Metadata"),
        Fields([Field("a|b", "text", "required", "", "The letters.", "x|y"), Field("c", "text", "", "1", "One.", "")]),
        Terms([("get", "Gets.")]),
        Code("a: 1\n"),
    ],
)


def test_terminal_wraps_words_and_leaves_code_alone() -> None:
    assert Terminal(20, color=False).render(PAGE) == (
        "bindings.x\n\n  Some words, and\n  more of them.\n\nMetadata\n\n"
        "  a|b  text,\n      required\n      The letters.\n      example: x|y\n\n  c  text, default 1\n      One.\n\n"
        "  get\n      Gets.\n\n    a: 1\n"
    )


def test_terminal_paints_only_when_it_is_told_to() -> None:
    assert Terminal(80, color=True).render(PAGE).startswith("\x1b[1mbindings.x\x1b[0m\n")


def test_markdown_has_a_table_and_keeps_its_columns() -> None:
    assert Markdown(level=2).render(PAGE) == (
        "## bindings.x\n\nSome words, and more of them.\n\n### Metadata\n\n"
        "| field | type | default | meaning | example |\n| --- | --- | --- | --- | --- |\n"
        "| `a\\|b` | text | required | The letters. | `x\\|y` |\n| `c` | text | `1` | One. |  |\n\n"
        "- `get`: Gets.\n\n```yaml\na: 1\n```\n"
    )


def test_prose_is_paragraphs_and_code() -> None:
    assert list(prose("One\nline.\n\nwrong:\n  a:\n    b: 1\n")) == [
        Text("One line."),
        Text("wrong:"),
        Code("a:\n  b: 1"),
    ]


def test_explain_shows_the_fields_of_what_a_mapping_holds_by_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "pipelinetest"]) == 0
    assert "apps.*.*[].fail  timeout, refused, reset or garbage\n" in capsys.readouterr().out
