"""What libyaml says of a text that is no YAML, in plain words: the place that a person has to change, and how."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from engine.definitions.diagnostic import Diagnostic, Span
from engine.definitions.source import Source

MALFORMED, TAB, ALIAS = "E104", "E105", "E109"
_INDENT_HINT = "indent with spaces: YAML forbids tabs there"
_GLUED = re.compile(r"[\s-]*([\w.-]+):(\S.*)")  # `name:value`
_TEMPLATE_HINT = 'put the whole value in quotes: "{{ … }}"'


@dataclass(frozen=True, slots=True)
class _Problem:
    """What libyaml found at `index`, and where the thing began in which it was found."""

    source: Source
    problem: str
    context: str
    index: int
    span: Span
    start_index: int
    start: Span | None

    @property
    def char(self) -> str:
        return self.source.text[self.index : self.index + 1]

    @property
    def line(self) -> str:
        return self.source.line(self.span.line)

    @property
    def before(self) -> str:
        """The text of the line up to the problem."""
        return self.line[: self.span.column - 1]

    def error(self, message: str, hint: str = "", *, code: str = MALFORMED) -> Diagnostic:
        return self.source.error(code, message, self.span, hint)

    def error_at_start(self, message: str, hint: str, found: str = "", *, code: str = MALFORMED) -> Diagnostic:
        """For what is wrong where it began: a bracket or a quote that is not closed."""
        if self.start is None:
            return self.error(message, hint, code=code)
        return self.source.error(code, message, self.start, hint, self.span if found else None, found)


def explain(source: Source, error: yaml.YAMLError) -> tuple[Diagnostic, int]:
    """The diagnostic, and the offset from which the next document may be looked for."""
    if isinstance(error, yaml.reader.ReaderError):
        return _bad_character(source, error)
    problem = _problem(source, error)
    for part, explanation in _EXPLANATIONS:
        if part in problem.problem or part in problem.context:
            return explanation(problem), min(problem.index, problem.start_index)
    return problem.error(f"this is no YAML: {problem.problem}"), problem.index


def _bad_character(source: Source, error: Any) -> tuple[Diagnostic, int]:
    offset = len(source.text.encode()[: error.position].decode(errors="replace"))
    message = f"the character U+{error.character:04X} may not be in YAML: {error.reason}"
    return source.error(MALFORMED, message, source.span_at(offset), "remove it"), offset


def _problem(source: Source, error: Any) -> _Problem:
    mark, start = error.problem_mark or error.context_mark, error.context_mark
    return _Problem(
        source,
        str(error.problem or ""),
        str(error.context or ""),
        mark.index,
        source.span(mark.line + 1, mark.column + 1),
        start.index if start else mark.index,
        source.span(start.line + 1, start.column + 1) if start else None,
    )


def _no_token(at: _Problem) -> Diagnostic:
    if at.char == "\t":
        return _tab(at)
    return at.error(f"a value cannot start with {at.char!r}", "put the value in quotes")


def _tab(at: _Problem) -> Diagnostic:
    return at.error("a tab is used for indentation", _INDENT_HINT, code=TAB)


def _nested_colon(at: _Problem) -> Diagnostic:
    above = at.source.line(at.span.line - 1)
    glued = _GLUED.fullmatch(above)
    if glued:
        place = at.source.span(at.span.line - 1, above.index(":") + 1)
        return at.source.error(MALFORMED, "there is no space after this colon", place, _glued_hint(glued))
    if re.search(r":\s", at.before.lstrip("- ")):
        return at.error("there is a second `: ` in this value", "put the value in quotes")
    return at.error(
        "this key is not in line with the keys around it",
        "start all keys of a mapping in the same column; a key with keys below it has no value of its own",
    )


def _no_key(at: _Problem) -> Diagnostic:
    if "{{" in at.before:
        place = at.source.span(at.span.line, at.before.rindex("{{") + 1, 2)
        return at.source.error(MALFORMED, "a template must stand in quotes", place, _TEMPLATE_HINT)
    if at.char == "-":
        return at.error("here is a list item among the keys of a mapping", "indent the list below its key")
    if at.before.rstrip().endswith(("'", '"')):
        hint = 'put the whole value in quotes; a quote inside is doubled in \'…\' and written \\" in "…"'
        return at.error("here is more text after the closing quote", hint)
    if at.start and at.start.column != at.span.column:
        message = f"this line starts in column {at.span.column}, where nothing around it starts"
        hint = "start all keys of a mapping in the same column"
        return at.source.error(MALFORMED, message, at.span, hint, at.start, "the mapping around it starts here")
    return at.error("a key is expected here", "write `name: value`")


def _glued_hint(glued: re.Match[str]) -> str:
    return f"write `{glued[1]}: {glued[2]}`"


def _no_item(at: _Problem) -> Diagnostic:
    hint = "start all items of a list in the same column, and what belongs to one deeper than its `-`"
    return at.error("a list item (`- …`) is expected here", hint)


def _no_bracket(at: _Problem) -> Diagnostic:
    opened = at.source.text[at.start_index : at.start_index + 1]
    closing = "]" if opened == "[" else "}"
    if at.source.text[at.start_index : at.start_index + 2] == "{{":
        return at.error_at_start("a template must stand in quotes", _TEMPLATE_HINT)
    hint = f"put a `,` between the items and a `{closing}` at the end"
    found = "this is not expected in it" if at.char else ""
    return at.error_at_start(f"this `{opened}` is not closed", hint, found)


def _no_colon(at: _Problem) -> Diagnostic:
    glued = _GLUED.fullmatch(at.source.line(at.start.line if at.start else at.span.line))
    hint = _glued_hint(glued) if glued else "write `name: value`"
    return at.error_at_start("there is no `: ` after this key", hint)


def _open_quote(at: _Problem) -> Diagnostic:
    return at.error_at_start("this quote is not closed", "close it at the end of the text")


def _escape(at: _Problem) -> Diagnostic:
    escape = at.source.text[at.index : at.index + 2]
    hint = "write \\\\ for a backslash, or put the text in single quotes, where it needs no escape"
    return at.error(f"`{escape}` is no escape of YAML", hint)


def _hexadecimal(at: _Problem) -> Diagnostic:
    return at.error("`\\x`, `\\u` and `\\U` need 2, 4 and 8 hexadecimal digits", "write \\\\ for a backslash")


def _alias(at: _Problem) -> Diagnostic:
    sign = "*" if "alias" in at.context else "&"
    hint = f'a value that starts with `{sign}` must stand in quotes: "{sign}…"'
    return at.error_at_start(f"for YAML, `{sign}` starts the name of an alias", hint)


def _undefined_alias(at: _Problem) -> Diagnostic:
    name = re.match(r"\*[^\s,\]}]*", at.source.text[at.index :])
    message = f"the alias {name[0] if name else '*'} stands for nothing: no `&` before it gives that name"
    hint = "correct the name, or put a value that starts with `*` in quotes"
    return at.error(message, hint, code=ALIAS)


def _second_anchor(at: _Problem) -> Diagnostic:
    message, hint = "this `&` name is given a second time", "use another name"
    return at.source.error(ALIAS, message, at.span, hint, at.start, "the first is here")


def _list_on_line(at: _Problem) -> Diagnostic:
    return at.error("a list cannot start in the line of its key", "start it in the next line, or write [a, b]")


def _text_after_block(at: _Problem) -> Diagnostic:
    return at.error("text cannot start in the line of its `|` or `>`", "start it in the next line, indented")


def _no_value(at: _Problem) -> Diagnostic:
    text, rest = at.source.text, at.source.text[at.index :]
    if not rest.strip() or rest.startswith(("---", "...")):
        opened = max(text.rfind(bracket, 0, at.index) for bracket in "[{")
        message, hint = f"this `{text[opened]}` is not closed", "close it at the end of the list or mapping"
        return at.source.error(MALFORMED, message, at.source.span_at(opened), hint)
    return at.error("a value is expected here", "write one, or null")


def _no_document(at: _Problem) -> Diagnostic:
    hint = "start all keys of a document in column 1; `---` stands between two documents"
    return at.error("here is something after the end of the document", hint)


_EXPLANATIONS: tuple[tuple[str, Callable[[_Problem], Diagnostic]], ...] = (
    ("found character that cannot start any token", _no_token),
    ("tab character", _tab),
    ("mapping values are not allowed", _nested_colon),
    ("did not find expected key", _no_key),
    ("did not find expected '-' indicator", _no_item),
    ("did not find expected ',' or", _no_bracket),
    ("could not find expected ':'", _no_colon),
    ("hexdecimal number", _hexadecimal),
    ("scanning a quoted scalar", _open_quote),
    ("unknown escape character", _escape),
    ("found undefined alias", _undefined_alias),
    ("found duplicate anchor", _second_anchor),
    ("scanning an alias", _alias),
    ("scanning an anchor", _alias),
    ("block sequence entries are not allowed", _list_on_line),
    ("did not find expected comment or line break", _text_after_block),
    ("did not find expected node content", _no_value),
    ("did not find expected <document start>", _no_document),
)
