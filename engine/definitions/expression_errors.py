"""Where exactly an expression is wrong, and in plain words: Jinja2 tells only a line, and speaks of its own tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from jinja2 import Environment, TemplateSyntaxError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from engine.expressions import ExpressionError

_RawToken: TypeAlias = tuple[int, str, str]  # what Jinja2 calls the line number is the offset here

_JINJA = Environment(keep_trailing_newline=True, autoescape=True)
_CHARACTERS = {
    "&": "write `and`",
    "!": "write `not`",
    "?": "write `a if condition else b`",
    "$": "write the name alone",
}
_TOKENS = {
    "end of print statement": "}}",
    "begin of print statement": "{{",
    "end of statement block": "%}",
    "begin of statement block": "{%",
}


def explained(text: str, bare: bool, error: ExpressionError) -> ExpressionError:
    """The same error with the offset of the character, and with words for people."""
    word = text[error.offset : error.offset + error.length]
    if not isinstance(error.__cause__, TemplateSyntaxError) and "not expected after the end" not in str(error):
        return _at_word(text, bare, error, word) if word.isidentifier() else error
    tokens: list[_RawToken] = []
    try:
        tokens.extend(_tokens(text, bare))
    except TemplateSyntaxError as refused:
        return _refused_character(text, bare, tokens, str(refused.message))
    try:
        _parse(tokens, bare)
    except TemplateSyntaxError as refused:
        return _refused_token(text, bare, tokens, str(refused.message), refused.lineno)
    return error


def _tokens(text: str, bare: bool) -> Iterator[_RawToken]:
    position = 0
    for _, kind, value in _JINJA.lexer.tokeniter(text, None, None, "variable" if bare else None):
        position = max(text.find(value, position), position)
        yield position, kind, value
        position += len(value)


def _parse(tokens: Sequence[_RawToken], bare: bool) -> None:
    parser = Parser(_JINJA, "")
    parser.stream = TokenStream(_JINJA.lexer.wrap(iter(tokens)), None, None)
    if not bare:
        parser.parse()
        return
    parser.parse_expression()
    if not parser.stream.eos:
        value = parser.stream.current.value
        raise TemplateSyntaxError(f"got {value!r}", parser.stream.current.lineno)


def _refused_character(text: str, bare: bool, tokens: Sequence[_RawToken], message: str) -> ExpressionError:
    end = tokens[-1][0] + len(tokens[-1][2]) if tokens else 0
    if message.startswith("Missing end of comment"):
        return ExpressionError("this comment is not closed", text.find("{#"), 2, "close it with `#}`")
    found = re.search(r"unexpected char (?:'(.)'|\"(.)\") at (\d+)", message, re.DOTALL)
    if found is None:
        bracket = message.removeprefix("unexpected '")[:1]
        hint = "" if bare else "a template is written {{ … }}"
        return ExpressionError(f"`{bracket}` closes nothing here", max(text.find(bracket, end), end), 1, hint)
    character, offset = found[1] or found[2], int(found[3])
    if character in "'\"":
        return ExpressionError("this quote is not closed", offset, 1, "close it at the end of the text")
    hint = _CHARACTERS.get(character, "a text stands in quotes")
    return ExpressionError(f"`{character}` has no meaning in an expression", offset, 1, hint)


def _refused_token(text: str, bare: bool, tokens: Sequence[_RawToken], message: str, offset: int) -> ExpressionError:
    if "end of template" in message:
        return _ended(text, bare, tokens)
    tag = re.match(r"Encountered unknown tag '(\w+)'", message)
    if tag:
        return ExpressionError(
            f"there is no statement `{tag[1]}` here", offset, len(tag[1]), "a template has if, elif, else, endif, set"
        )
    value = next((value for start, _, value in tokens if start == offset and value.strip()), "")
    if value.strip() in ("}}", "%}"):
        return ExpressionError(f"something is missing before this `{value}`", offset, 2, "write an expression")
    hint = {"=": "compare with `==`", "|": "write `or`" if text[offset - 1 : offset] == "|" else ""}.get(value, "")
    return ExpressionError(f"`{value}` is not expected here", offset, max(len(value), 1), hint or _expected(message))


def _expected(message: str) -> str:
    found = re.search(r"expected token '([^']+)'", message)
    return f"here `{_TOKENS.get(found[1], found[1])}` is expected" if found and found[1] != "name" else ""


def _ended(text: str, bare: bool, tokens: Sequence[_RawToken]) -> ExpressionError:
    opened: list[_RawToken] = []
    for token in tokens:
        if token[2] in ("(", "[", "{") or token[1] in ("variable_begin", "block_begin"):
            opened.append(token)
        elif opened and (token[2] in (")", "]", "}") or token[1] in ("variable_end", "block_end")):
            opened.pop()
    if opened:
        offset, _, sign = opened[-1]
        return ExpressionError(f"this `{sign.strip()}` is not closed", offset, len(sign.strip()))
    if not bare:
        offset = max(text.rfind("{% if"), text.rfind("{%- if"), text.find("{%"))
        return ExpressionError("this statement is not closed", max(offset, 0), 2, "close it with {% endif %}")
    return ExpressionError("the expression ends too early", max(len(text.rstrip()) - 1, 0), 1)


def _at_word(text: str, bare: bool, error: ExpressionError, word: str) -> ExpressionError:
    """The error at the word where it is used, and not where a text in quotes has it as well."""
    before, wanted = "", ("|", "is") if re.match(r"there is no (filter|test)", str(error)) else ()
    for offset, kind, value in _tokens(text, bare):
        if kind == "name" and value == word and (before in wanted if wanted else before not in (".", "|", "is")):
            return ExpressionError(str(error), offset, error.length, error.hint)
        before = value if kind != "whitespace" else before
    return error
