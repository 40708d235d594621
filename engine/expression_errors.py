"""Where exactly an expression is wrong, and in plain words: Jinja2 tells only a line, and speaks of its own tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from jinja2 import TemplateSyntaxError

RawToken: TypeAlias = tuple[int, str, str]  # offset, kind, text

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


class ExpressionError(ValueError):
    """An expression cannot be compiled. `offset` is the index of the offending character in its text."""

    def __init__(self, message: str, offset: int = 0, length: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.length = length
        self.hint = hint


def refused(
    text: str, bare: bool, tokens: Sequence[RawToken], error: TemplateSyntaxError, is_token: bool = True
) -> ExpressionError:
    """What Jinja2 says of a token, whose offset it takes for its line, or of a character after all the tokens."""
    message = str(error.message)
    if is_token:
        return _refused_token(text, bare, tokens, message, error.lineno)
    return _refused_character(text, bare, tokens, message)


def _refused_character(text: str, bare: bool, tokens: Sequence[RawToken], message: str) -> ExpressionError:
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


def _refused_token(text: str, bare: bool, tokens: Sequence[RawToken], message: str, offset: int) -> ExpressionError:
    if "end of template" in message:
        return _ended(text, bare, tokens)
    tag = re.match(r"Encountered unknown tag '(\w+)'", message)
    if tag:
        return ExpressionError(
            f"there is no statement `{tag[1]}` here", offset, len(tag[1]), "a template has if, elif, else, endif, set"
        )
    value = next((value for start, _, value in tokens if start == offset and value.strip()), "")
    if not bare and value.strip() in ("}}", "%}"):
        return ExpressionError(f"something is missing before this `{value}`", offset, 2, "write an expression")
    hint = {"=": "compare with `==`", "|": "write `or`" if text[offset - 1 : offset] == "|" else ""}.get(value, "")
    return ExpressionError(f"`{value}` is not expected here", offset, max(len(value), 1), hint or _expected(message))


def _expected(message: str) -> str:
    found = re.search(r"expected token '([^']+)'", message)
    return f"here `{_TOKENS.get(found[1], found[1])}` is expected" if found and found[1] != "name" else ""


def _ended(text: str, bare: bool, tokens: Sequence[RawToken]) -> ExpressionError:
    opened: list[RawToken] = []
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
