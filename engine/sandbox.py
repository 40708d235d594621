"""What an expression can do: Jinja2's sandbox, and what we take away from it and put in its place.

Definitions come from people we trust, data does not: there are no loops, nothing that lets a small event make a huge
value, and what Jinja2 would write as Python is written as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from jinja2 import Environment, Undefined, filters, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.runtime import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

_LARGEST = 10_000_000  # characters that one operation may make
_UNSAFE_METHODS = frozenset({"ljust", "rjust", "center", "zfill", "expandtabs", "translate", "maketrans", "to_bytes"})
_UNSAFE_FILTERS = ("center", "indent", "wordwrap", "slice", "batch", "random", "pprint", "urlize", "xmlattr")
_UNSAFE_FORMAT = re.compile(r"\d{5}|%[^a-zA-Z%]*\*|\{[^{}:]*:[^{}]*\{")  # a width that is large or comes from data


class Missing(StrictUndefined):
    """Says what is there when something is not."""

    @property
    def _undefined_message(self) -> str:
        owner, name = self._undefined_obj, self._undefined_name
        if isinstance(owner, Mapping):
            known = ", ".join(sorted(str(key)[:40] for key in owner)[:12])
            return f"there is no {name!r}; there is: {known}" if known else f"there is no {name!r}, it is empty"
        if isinstance(owner, list) and isinstance(name, int):
            return f"there is no item {name} in a list of {len(owner)}"
        return super()._undefined_message


class Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("*", "**", "%"))

    def getattr(self, obj: Any, attribute: str) -> Any:
        # `data.items` must be the key `items`, not a method of Python's dict.
        if isinstance(obj, Mapping):
            return obj.get if attribute == "get" and "get" not in obj else self.getitem(obj, attribute)
        if isinstance(obj, str) and attribute in _BOUNDED_METHODS:
            return partial(_BOUNDED_METHODS[attribute], obj)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (TypeError, LookupError):
            if isinstance(argument, str) and not isinstance(obj, Mapping):
                return self.getattr(obj, argument)
        return self.undefined(obj=obj, name=argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        unsafe = attr in _UNSAFE_METHODS or (attr in _BOUNDED_METHODS and isinstance(obj, bytes))
        return not unsafe and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        formatting = super().wrap_str_format(value)
        if formatting is not None:
            _check_format(value.__self__)
        return formatting

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _CHECK_BEFORE[operator](left, right)
        return super().call_binop(context, operator, left, right)


def as_text(value: Any) -> Any:
    """How a value stands in a text: what JSON has no text for is written as JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Iterator):
        value = list(value)
    return to_json(value) if value is None or isinstance(value, bool | list | tuple | Mapping) else value


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_json_of)


def _json_of(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _check_size(size: int, what: str) -> None:
    if size > _LARGEST:
        raise SecurityError(f"{what} would make more than {_LARGEST:,} characters")


def _check_product(left: Any, right: Any) -> None:
    for value, times in ((left, right), (right, left)):
        if isinstance(value, list | tuple) and isinstance(times, int):
            raise SecurityError("`*` repeats no lists")
        if isinstance(value, str | bytes) and isinstance(times, int):
            _check_size(len(value) * times, "`*`")


def _check_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > 4096:
        raise SecurityError("`**` would make a number of more than 4096 bits")


def _check_remainder(left: Any, _: Any) -> None:
    if isinstance(left, str | bytes):
        _check_format(left if isinstance(left, str) else left.decode("latin-1"))


def _check_format(text: str) -> None:
    if _UNSAFE_FORMAT.search(text):
        raise SecurityError("a format may not have a width of more than 9999, or one that comes from a value")


def _format(text: Any, *values: Any, **named: Any) -> str:
    _check_format(str(text))
    return str(filters.do_format(text, *values, **named))


def _replace(text: Any, old: Any, new: Any, count: int | None = None) -> str:
    whole, part, by = str(text), str(old), str(new)
    _check_size(whole.count(part) * len(by), "`replace`")
    return whole.replace(part, by, -1 if count is None else count)


def _join_texts(separator: str, items: Iterable[Any]) -> str:
    texts, size = [], 0
    for item in items:
        texts.append(text := str(as_text(item)))
        size += len(text) + len(separator)
        _check_size(size, "`join`")
    return separator.join(texts)


@pass_environment
def _join(environment: Environment, items: Iterable[Any], separator: Any = "", attribute: str | None = None) -> str:
    if attribute is not None:
        items = map(filters.make_attrgetter(environment, attribute), items)
    return _join_texts(str(separator), items)


def _round(value: float, precision: int = 0, method: Any = "common") -> float:
    if abs(precision) > 100:
        raise SecurityError("`round` takes at most 100 digits")
    return filters.do_round(value, precision, method)


_CHECK_BEFORE: Mapping[str, Callable[[Any, Any], None]] = {
    "*": _check_product,
    "**": _check_power,
    "%": _check_remainder,
}
_BOUNDED_METHODS: Mapping[str, Callable[..., str]] = {"replace": _replace, "join": _join_texts}
_OWN_FILTERS: Mapping[str, Callable[..., Any]] = {
    "format": _format,
    "join": _join,
    "replace": _replace,
    "round": _round,
    "tojson": to_json,
}


def make_environment() -> Sandbox:
    environment = Sandbox(undefined=Missing, autoescape=False, finalize=as_text, keep_trailing_newline=True)
    environment.globals.clear()  # range, lipsum, cycler: the ways to loop
    for name in _UNSAFE_FILTERS:
        del environment.filters[name]
    environment.filters.update(_OWN_FILTERS)
    return environment
