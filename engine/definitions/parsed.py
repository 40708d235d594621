"""The expressions and templates of definitions, parsed once however often they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from jinja2 import nodes

from engine.definitions.document import Step
from engine.expression_errors import ExpressionError
from engine.grammar import names_of, parse_expression, parse_template, whole_value

Path: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """`value` is the expression that gives the value, where that is not simply a text; `names` those that are read."""

    source: str
    tree: nodes.Node
    value: nodes.Expr | None
    names: frozenset[str]


@lru_cache(maxsize=10_000)
def parsed(text: str, bare: bool) -> Parsed | ExpressionError | None:
    """None for a text with no template in it. Definitions repeat each other, and parsing is what takes time."""
    try:
        if bare:
            expression = parse_expression(text)
            return Parsed(text, expression, expression, names_of(text, expression))
        template = parse_template(text)
        if template is None:
            return None
        return Parsed(text, template, whole_value(template), names_of(text, template))
    except ExpressionError as error:
        return error


def templates(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text within a YAML value that may be a template, and its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from templates(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from templates(item, (*path, index))
