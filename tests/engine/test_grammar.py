from __future__ import annotations

import pytest
from jinja2 import nodes

from engine.grammar import all_nodes, name_offset, names_of, parse_expression, parse_template, whole_value


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        ("1 + ›data.x", nodes.Name),
        ("data.x  .›y", nodes.Getattr),
        ("data.x\n  | ›upper", nodes.Filter),
        ("data.x is not ›defined", nodes.Test),
        ("data.is is ›defined", nodes.Test),
        ("'a' ~ ›5", nodes.Const),
    ],
)
def test_node_has_the_place_of_its_token(marked: str, kind: type[nodes.Node]) -> None:
    text = marked.replace("›", "")

    places = {name_offset(text, node) for node in nodes.Output([parse_expression(text)]).find_all(kind)}

    assert marked.index("›") in places


def test_node_of_a_template_has_the_place_of_its_token() -> None:
    template = parse_template("a\n{# b #} {{ data.x }}\r\n{{ metadata.y }}")

    assert template is not None
    assert [node.lineno for node in template.find_all(nodes.Name)] == [13, 27]


@pytest.mark.parametrize(("text", "is_whole"), [("{{ 5 }}", True), (" {{ 5 }}", False), ("{{ 5 }}{{ 6 }}", False)])
def test_whole_value_is_one_pair_of_braces_and_nothing_else(text: str, is_whole: bool) -> None:
    template = parse_template(text)

    assert template is not None
    assert (whole_value(template) is not None) == is_whole


def test_text_without_braces_is_no_template() -> None:
    assert parse_template("a } b") is None


def test_names_are_those_that_are_read_and_not_set() -> None:
    text = "{% set now = data.x %}{{ now }}{{ event.id }}"
    template = parse_template(text)

    assert template is not None
    assert names_of(text, all_nodes(template)) == {"data", "event"}
