"""Expressions and templates as trees, in which every node has the place of its token in the text.

Jinja2 counts lines, and a text of ours mostly is one. So its parser is given tokens that have their offset where it
looks for their line: the `lineno` of a node, and of an error, is the index of its first character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from engine.expression_errors import ExpressionError, RawToken, refused
from engine.sandbox import make_environment
from engine.suggest import close_match

NAMES = ("event", "data", "metadata", "env", "now")
"""The names that exist in every expression; `docs/pipelines.md` explains them."""

ENVIRONMENT = make_environment()

_MARKS = ("{{", "{%", "{#")
_STATEMENTS = (nodes.Output, nodes.If, nodes.Assign)
_DEEPEST = 100  # levels; the compiler needs some stack for each
_NAME_OF_TEST = re.compile(r"is\s+(?:not\s+)?")


def parse_expression(source: str) -> nodes.Expr:
    """A bare expression; raises `ExpressionError`."""
    if any(mark in source for mark in _MARKS[:2]):
        offset = min(source.find(mark) for mark in _MARKS[:2] if mark in source)
        raise ExpressionError("an expression is written without braces here", offset, 2, "write it bare: data.n > 0")
    if not source.strip():
        raise ExpressionError("the expression is empty")
    expression = _parsed(source, bare=True)
    assert isinstance(expression, nodes.Expr)  # noqa: S101 - for the type
    expression.set_environment(ENVIRONMENT)
    return expression


def parse_template(source: str) -> nodes.Template | None:
    """A text with `{{ }}` in it, or None where there is none; raises `ExpressionError`."""
    if not any(mark in source for mark in _MARKS):
        return None
    template = _parsed(source, bare=False)
    assert isinstance(template, nodes.Template)  # noqa: S101
    for statement in template.find_all(nodes.Stmt):
        if not isinstance(statement, _STATEMENTS):
            name = type(statement).__name__.lower()
            offset = max(source.find("{%"), 0)
            hint = "use a filter on the list: {{ data.items | map(attribute='id') | list }}" if name == "for" else ""
            raise ExpressionError(f"`{name}` is not allowed in a template", offset, 2, hint)
    return template


def whole_value(template: nodes.Template) -> nodes.Expr | None:
    """The expression of a template that is one `{{ }}` and nothing else, and so keeps its type."""
    match template.body:
        case [nodes.Output(nodes=[expression])] if not isinstance(expression, nodes.TemplateData):
            return expression
    return None


def all_nodes(tree: nodes.Node) -> list[nodes.Node]:
    """The tree and all that is in it; raises `ExpressionError` when it is too deep to be compiled."""
    found: list[nodes.Node] = []
    level = [tree]
    for _ in range(_DEEPEST):
        found += level
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return found
    raise _too_deep()


def names_of(source: str, parts: Sequence[nodes.Node]) -> frozenset[str]:
    """Which of `NAMES` the nodes of a tree read; raises `ExpressionError` for what cannot exist."""
    set_here = {part.name for part in parts if isinstance(part, nodes.Name) and part.ctx == "store"}
    read: set[str] = set()
    for part in parts:
        match part:
            case nodes.Name(name=name, ctx="load") if name not in set_here:
                if name not in NAMES:
                    hint = close_match(name, NAMES) or f"the names are {', '.join(NAMES)}"
                    raise ExpressionError(f"there is no {name!r} here", part.lineno, len(name), hint)
                read.add(name)
            case nodes.Filter(name=name) if name not in ENVIRONMENT.filters:
                raise _unknown(source, part, "filter", name, ENVIRONMENT.filters)
            case nodes.Test(name=name) if name not in ENVIRONMENT.tests:
                raise _unknown(source, part, "test", name, ENVIRONMENT.tests)
            case nodes.Getattr(attr=name) if name.startswith("_"):
                hint = f"for a key of this name, write [{name!r}]"
                raise ExpressionError(f"{name!r} is private", name_offset(source, part), len(name), hint)
    return frozenset(read)


def name_offset(source: str, node: nodes.Node) -> int:
    """Where its name stands: the node of an attribute begins at the dot, and that of a test at `is`."""
    if isinstance(node, nodes.Getattr):
        return source.find(node.attr, node.lineno)
    found = _NAME_OF_TEST.match(source, node.lineno) if isinstance(node, nodes.Test) else None
    return found.end() if found else node.lineno


def _parsed(source: str, bare: bool) -> nodes.Expr | nodes.Template:
    tokens: list[RawToken] = []
    try:
        tokens.extend(_tokens(source, bare))
    except TemplateSyntaxError as error:
        raise refused(source, bare, tokens, error, is_token=False) from error
    try:
        return _parse(tokens, bare)
    except TemplateSyntaxError as error:
        raise refused(source, bare, tokens, error) from error
    except RecursionError as error:
        raise _too_deep() from error


def _tokens(text: str, bare: bool) -> Iterator[RawToken]:
    position = 0
    for _, kind, value in ENVIRONMENT.lexer.tokeniter(text, None, None, "variable" if bare else None):
        position = max(text.find(value, position), position)
        yield position, kind, value
        position += len(value)


def _parse(tokens: list[RawToken], bare: bool) -> nodes.Expr | nodes.Template:
    parser = Parser(ENVIRONMENT, "")
    parser.stream = TokenStream(ENVIRONMENT.lexer.wrap(iter(tokens)), None, None)
    if not bare:
        return parser.parse()
    expression = parser.parse_expression()
    if not parser.stream.eos:
        value = parser.stream.current.value
        raise TemplateSyntaxError(f"got {value!r}", parser.stream.current.lineno)
    return expression


def _unknown(source: str, node: nodes.Node, kind: str, name: str, known: Iterable[str]) -> ExpressionError:
    message = f"there is no {kind} {name!r}"
    return ExpressionError(message, name_offset(source, node), len(name), close_match(name, known))


def _too_deep() -> ExpressionError:
    return ExpressionError("the expression is nested too deeply", hint="do a part of it in a transform step before")
