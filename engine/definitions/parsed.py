"""The expressions and templates of definitions, parsed once however often they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from jinja2 import nodes

from engine.definitions.document import Step
from engine.expression_errors import ExpressionError
from engine.grammar import all_nodes, names_of, parse_expression, parse_template, whole_value

Path: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """`value` is the expression that gives the value, where that is not simply a text. `names` are those that are read,
    `variables` those that the template sets, `guarded` those of fields that may be absent, because it asks for that.
    """

    source: str
    tree: nodes.Node
    value: nodes.Expr | None
    names: frozenset[str]
    variables: frozenset[str]
    guarded: frozenset[str]
    comparisons: tuple[nodes.Compare, ...]

    @classmethod
    def of(cls, source: str, tree: nodes.Node, value: nodes.Expr | None) -> Parsed:
        """Raises `ExpressionError`."""
        parts = all_nodes(tree)
        names = names_of(source, parts)
        variables = frozenset(part.name for part in parts if isinstance(part, nodes.Name) and part.ctx == "store")
        guarded = frozenset(name for part in parts for name in _guarded(part))
        comparisons = tuple(part for part in parts if isinstance(part, nodes.Compare))
        return cls(source, tree, value, names, variables, guarded, comparisons)


@lru_cache(maxsize=10_000)
def parsed(text: str, bare: bool) -> Parsed | ExpressionError | None:
    """None for a text with no template in it. Definitions repeat each other, and parsing is what takes time."""
    try:
        if bare:
            expression = parse_expression(text)
            return Parsed.of(text, expression, expression)
        template = parse_template(text)
        if template is None:
            return None
        return Parsed.of(text, template, whole_value(template))
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


def _guarded(node: nodes.Node) -> Iterator[str]:
    match node:
        case nodes.Filter(name="default" | "d"):
            yield from _names_in(node)
        case nodes.Test(node=asked):  # of what is absent every test but `undefined` is false
            yield from _names_in(asked)
        case nodes.Compare(expr=nodes.Const(value=str(name)), ops=[nodes.Operand(op="in" | "notin")]):
            yield name


def _names_in(node: nodes.Node) -> Iterator[str]:
    for part in (node, *node.find_all((nodes.Getattr, nodes.Getitem))):
        if isinstance(part, nodes.Getattr):
            yield part.attr
        elif isinstance(part, nodes.Getitem) and isinstance(part.arg, nodes.Const):
            yield str(part.arg.value)
