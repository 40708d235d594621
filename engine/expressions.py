"""Expressions and templates: Jinja2, sandboxed, compiled once; a name that does not exist is an error.

An expression is written bare (`filter: data.width > 0`); a template holds expressions in `{{ }}`, and one that is a
whole value keeps its type (`size: "{{ data.size | int }}"` is a number).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from jinja2 import TemplateError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError

from engine.errors import Permanent
from engine.event import Event
from engine.grammar import ENVIRONMENT, all_nodes, names_of, parse_expression, parse_template, whole_value

_Run: TypeAlias = Callable[[dict[str, Any]], Any]


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
    return _compiled(source, parse_expression(source))


def compile_template(source: str) -> Expression | str:
    """A text with `{{ }}` in it, or the text itself where there is none; raises `ExpressionError`."""
    template = parse_template(source)
    if template is None:
        return source
    whole = whole_value(template)
    if whole is not None:
        return _compiled(source, whole)
    names = names_of(source, all_nodes(template))
    return Expression(source, names, lambda: ENVIRONMENT.from_string(template).render)


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


def _compiled(source: str, expression: nodes.Expr) -> Expression:
    names = names_of(source, all_nodes(expression))
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
    template = nodes.Template(body, lineno=1)
    template.set_environment(ENVIRONMENT)
    return Expression(
        source, names, lambda: TemplateExpression(ENVIRONMENT.from_string(template), undefined_to_none=False)
    )
