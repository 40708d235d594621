"""Expressions and templates: Jinja2, sandboxed, compiled once; a name that does not exist is an error.

An expression is written bare (`filter: data.width > 0`); a template holds expressions in `{{ }}`, and one that is a
whole value keeps its type (`size: "{{ data.size | int }}"` is a number).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from jinja2 import TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser

from engine.errors import Permanent
from engine.event import Event
from engine.sandbox import make_environment
from engine.suggest import close_match

NAMES = ("event", "data", "metadata", "env", "now")
"""The names that exist in every expression; `docs/pipelines.md` explains them."""

_Run: TypeAlias = Callable[[dict[str, Any]], Any]
_ENV = make_environment()
_MARKS = ("{{", "{%", "{#")
_STATEMENTS = (nodes.Output, nodes.If, nodes.Assign)
_DEEPEST = 100  # levels; the compiler needs some stack for each


class ExpressionError(ValueError):
    """An expression cannot be compiled. `offset` is the index of the offending character in its text."""

    def __init__(self, message: str, offset: int = 0, length: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.length = length
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression sees: one event, what its binding said of it, and the pipeline's surroundings."""

    event: Event
    metadata: Mapping[str, Any]
    env: Mapping[str, str]
    now: float

    def values(self, names: frozenset[str]) -> dict[str, Any]:
        """Only what is asked for, so that data nobody looks at is never parsed."""
        found: dict[str, Any] = {}
        if "event" in names:
            found["event"] = self.event.attributes
        if "data" in names:
            found["data"] = self.event.value
        if "metadata" in names:
            found["metadata"] = self.metadata
        if "env" in names:
            found["env"] = self.env
        if "now" in names:
            found["now"] = datetime.fromtimestamp(self.now, UTC)
        return found


class Expression:
    """One expression or text template. `names`: which of `NAMES` it uses.

    It is parsed and checked at once, and compiled when it is first used: `jackfield check` never pays for that.
    """

    __slots__ = ("_compile", "_run", "names", "source")

    def __init__(self, source: str, names: frozenset[str], compile: Callable[[], _Run]) -> None:
        self.source = source
        self.names = names
        self._compile = compile
        self._run: _Run | None = None

    def evaluate(self, scope: Scope) -> Any:
        """The value for one event; raises `Permanent` when the expression fails on it."""
        values = scope.values(self.names)
        try:
            if self._run is None:
                self._run = self._compile()
            result = self._run(values)
            if isinstance(result, Undefined):
                result._fail_with_undefined_error()
            if isinstance(result, Iterator):  # `map` and `select` are lazy
                result = list(result)
        except SecurityError as error:
            raise Permanent(f"expression {self.source!r} does what is not allowed: {error}") from error
        except (
            TemplateError,
            ArithmeticError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            SyntaxError,
        ) as error:
            raise Permanent(f"expression {self.source!r} failed: {error}") from error
        except (RecursionError, MemoryError) as error:
            raise Permanent(f"expression {self.source!r} needs too much: {type(error).__name__}") from error
        if callable(result):
            raise Permanent(f"expression {self.source!r} gives a method, not a value; call it with ()")
        return result.isoformat() if isinstance(result, datetime) else result


class Tree:
    """A YAML value whose strings may be templates, compiled. `names`: which of `NAMES` it uses."""

    __slots__ = ("_evaluate", "names")

    def __init__(self, names: frozenset[str], evaluate: Callable[[Scope], Any]) -> None:
        self.names = names
        self._evaluate = evaluate

    def evaluate(self, scope: Scope) -> Any:
        return self._evaluate(scope)


def compile_expression(source: str) -> Expression:
    """A bare expression; raises `ExpressionError`."""
    if any(mark in source for mark in _MARKS[:2]):
        offset = min(source.find(mark) for mark in _MARKS[:2] if mark in source)
        raise ExpressionError("an expression is written without braces here", offset, 2, "write it bare: data.n > 0")
    return _compile_parsed(source, _parse_expression(source))


def compile_template(source: str) -> Expression | str:
    """A text with `{{ }}` in it, or the text itself where there is none; raises `ExpressionError`."""
    if not any(mark in source for mark in _MARKS):
        return source
    template = _parse_template(source)
    body = template.body
    if len(body) == 1 and isinstance(body[0], nodes.Output) and len(body[0].nodes) == 1:
        whole = body[0].nodes[0]
        if not isinstance(whole, nodes.TemplateData):
            return _compile_parsed(source, whole)
    names = _check(source, template)
    return Expression(source, names, lambda: _ENV.from_string(template).render)


def compile_tree(value: Any) -> Tree:
    """A YAML value with templates in its strings, at any depth; raises `ExpressionError`."""
    if isinstance(value, str):
        part = compile_template(value)
        return _constant(part) if isinstance(part, str) else Tree(part.names, part.evaluate)
    if isinstance(value, dict):
        fields = {key: compile_tree(item) for key, item in value.items()}
        names = frozenset[str]().union(*(field.names for field in fields.values()))
        return Tree(names, lambda scope: {key: field.evaluate(scope) for key, field in fields.items()})
    if isinstance(value, list):
        items = [compile_tree(item) for item in value]
        names = frozenset[str]().union(*(item.names for item in items))
        return Tree(names, lambda scope: [item.evaluate(scope) for item in items])
    return _constant(value)


def text_of(value: Any) -> str:
    """A template's value where only text can stand (a header, a key): numbers and booleans as JSON writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Permanent(f"a text is needed here, not {type(value).__name__}")


def _constant(value: Any) -> Tree:
    return Tree(frozenset(), lambda scope: value)


def _parse_expression(source: str) -> nodes.Expr:
    if not source.strip():
        raise ExpressionError("the expression is empty")
    try:
        parser = Parser(_ENV, source, state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            token = parser.stream.current
            raise ExpressionError(
                f"{str(token.value)!r} is not expected after the end of the expression",
                max(source.rfind(str(token.value)), 0),
                len(str(token.value)),
            )
    except TemplateSyntaxError as error:
        raise ExpressionError(str(error.message), _offset_of_line(source, error.lineno)) from error
    except RecursionError as error:
        raise _too_deep() from error
    expression.set_environment(_ENV)
    return expression


def _parse_template(source: str) -> nodes.Template:
    try:
        template = _ENV.parse(source)
    except TemplateSyntaxError as error:
        raise ExpressionError(str(error.message), _offset_of_line(source, error.lineno)) from error
    except RecursionError as error:
        raise _too_deep() from error
    for statement in template.find_all(nodes.Stmt):
        if not isinstance(statement, _STATEMENTS):
            name = type(statement).__name__.lower()
            offset = max(source.find("{%"), 0)
            hint = "use a filter on the list: {{ data.items | map(attribute='id') | list }}" if name == "for" else ""
            raise ExpressionError(f"`{name}` is not allowed in a template", offset, 2, hint)
    return template


def _compile_parsed(source: str, expression: nodes.Expr) -> Expression:
    names = _check(source, nodes.Template([nodes.Output([expression])], lineno=1))
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
    template = nodes.Template(body, lineno=1)
    template.set_environment(_ENV)
    return Expression(source, names, lambda: TemplateExpression(_ENV.from_string(template), undefined_to_none=False))


def _check(source: str, template: nodes.Template) -> frozenset[str]:
    """The names that a template reads; raises for what cannot exist, and for what could not be compiled."""
    _check_depth(template)
    variables = list(template.find_all(nodes.Name))
    set_here = {variable.name for variable in variables if variable.ctx == "store"}
    names = frozenset(variable.name for variable in variables if variable.ctx == "load") - set_here
    for name in sorted(names.difference(NAMES)):
        hint = close_match(name, NAMES) or f"the names are {', '.join(NAMES)}"
        raise ExpressionError(f"there is no {name!r} here", *_place(rf"(?<![\w.]){name}\b", source), hint)
    for used in (*template.find_all(nodes.Filter), *template.find_all(nodes.Test)):
        kind, known = ("filter", _ENV.filters) if isinstance(used, nodes.Filter) else ("test", _ENV.tests)
        if used.name not in known:
            hint = close_match(used.name, known)
            raise ExpressionError(f"there is no {kind} {used.name!r}", *_place(rf"\b{used.name}\b", source), hint)
    for looked in template.find_all(nodes.Getattr):
        if looked.attr.startswith("_"):
            hint = f"for a key of this name, write [{looked.attr!r}]"
            raise ExpressionError(f"{looked.attr!r} is private", *_place(rf"\b{looked.attr}\b", source), hint)
    return names


def _check_depth(template: nodes.Template) -> None:
    level: list[nodes.Node] = [template]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> ExpressionError:
    return ExpressionError("the expression is nested too deeply", hint="do a part of it in a transform step before")


def _place(pattern: str, source: str) -> tuple[int, int]:
    found = re.search(pattern, source)
    return (found.start(), found.end() - found.start()) if found else (0, 1)


def _offset_of_line(source: str, line: int) -> int:
    lines = source.splitlines(keepends=True)[: line - 1]
    return min(sum(map(len, lines)), max(len(source) - 1, 0))
