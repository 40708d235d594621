"""From the errors of jsonschema to mistakes in plain words: what is wrong, where exactly, and what to write instead.

One error becomes one message at one place; of an `anyOf`, only the branch that was meant is told. What is written in
a field for secrets (`writeOnly`) is never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from jsonschema import Draft202012Validator, ValidationError

from engine.definitions.json_schema import Schema
from engine.definitions.shape_codes import (
    BADLY_WRITTEN,
    MISSING_FIELD,
    NOT_EXACTLY_ONE,
    NOT_ONE_OF,
    NOT_VALID,
    OUT_OF_RANGE,
    UNKNOWN_FIELD,
    WRONG_LENGTH,
    WRONG_TYPE,
)
from engine.definitions.wording import a_type, either, kind_of_value, shown, usage
from engine.suggest import close_match

Path: TypeAlias = tuple[str | int, ...]

_FORMATS = {
    "duration": ("a duration", "write it like 200ms, 10s, 1m30s, 2h or 7d"),
    "size": ("a size", "write it like 512Ki, 4Mi or 1G"),
    "flag": ("true or false", "write true or false"),
    "whole": ("a whole number", "write it like 5"),
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
}
_FEW_PLACES = 3
_FEW = 12  # fields that are listed
_TYPE_CHECKER = Draft202012Validator.TYPE_CHECKER


@dataclass(frozen=True, slots=True)
class Mistake:
    """`at_key`: the place is the key at the end of `path`, not its value."""

    path: Path
    code: str
    message: str
    hint: str = ""
    at_key: bool = False


def mistakes(errors: Iterable[ValidationError], schema: Schema, whole: str) -> list[Mistake]:
    """The mistakes behind the errors of a validator of `schema`; `whole` is the name of what was validated."""
    failures = [_Failure.of(error, schema, whole) for error in errors]
    # For `required`, jsonschema has an error for each field that is missing; we have one for them all.
    by_place = {(failure.path, failure.keyword): failure for failure in failures}
    return [mistake for failure in by_place.values() for mistake in _told(failure)]


@dataclass(frozen=True, slots=True)
class _Failure:
    """One keyword of a schema that a value does not obey."""

    path: Path
    keyword: str
    expected: Any  # the keyword's value
    value: Any
    schema: Schema  # that the keyword is in
    branches: Sequence[Sequence[_Failure]]  # for `anyOf`: the failures of each
    document_schema: Schema
    whole: str

    @classmethod
    def of(cls, error: ValidationError, document_schema: Schema, whole: str) -> _Failure:
        branches: list[list[_Failure]] = [[] for _ in cast(list[Any], error.validator_value)] if error.context else []
        for part in error.context or ():
            branches[cast(int, part.schema_path[0])].append(cls.of(part, document_schema, whole))
        return cls(
            path=tuple(error.absolute_path),
            keyword=str(error.validator),
            expected=error.validator_value,
            value=error.instance,
            schema=cast(Schema, error.schema),
            branches=branches,
            document_schema=document_schema,
            whole=whole,
        )

    @property
    def subject(self) -> str:
        """What is wrong, as the subject of a sentence."""
        match self.path:
            case (*_, str(name)):
                return f"`{name}`"
            case (*_, str(name), int(index)):
                return f"`{name}[{index}]`"
        return "this item" if self.path else self.whole

    @property
    def usage(self) -> str:
        return usage(self.schema, self.path[-1] if self.path and isinstance(self.path[-1], str) else "")

    @property
    def fields(self) -> Mapping[str, Schema]:
        fields: Mapping[str, Schema] = self.schema.get("properties", {})
        return fields


def _told(failure: _Failure) -> Iterable[Mistake]:
    format = _FORMATS.get(failure.schema.get("x-format", ""))
    if failure.keyword == "anyOf" and format:
        return _badly_written(failure, *format)
    return _BY_KEYWORD.get(failure.keyword, _not_valid)(failure)


def _unknown(failure: _Failure) -> Iterator[Mistake]:
    known = list(failure.fields)
    for name in failure.value:
        if name not in known:
            hint = close_match(name, known) or _where_it_belongs(failure.document_schema, name) or _fields(known)
            message = f"{failure.subject} has no field `{name}`"
            yield Mistake((*failure.path, name), UNKNOWN_FIELD, message, hint, at_key=True)


def _where_it_belongs(schema: Schema, name: str) -> str:
    """Where in the whole document a field would be right, if there are few such places."""
    places = list(dict.fromkeys(_places_of(schema, name)))
    if not 0 < len(places) <= _FEW_PLACES:
        return ""
    if places == [""]:
        return f"`{name}` belongs at the top of the document"
    *most, last = [f"`{place or 'the top of the document'}`" for place in places]
    return f"`{name}` belongs in {', '.join(most)}{' or ' if most else ''}{last}"


def _places_of(schema: Schema, name: str, at: str = "") -> Iterator[str]:
    """The dotted path of every mapping that has a field."""
    fields: Schema = schema.get("properties", {})
    if name in fields:
        yield at
    for field, part in fields.items():
        yield from _places_of(part, name, f"{at}.{field}" if at else field)
    for part in schema.get("anyOf", ()):
        yield from _places_of(part, name, at)
    if "items" in schema:
        yield from _places_of(schema["items"], name, f"{at}[]")


def _fields(known: Sequence[str]) -> str:
    return f"the fields are {', '.join(known)}" if 0 < len(known) <= _FEW else ""


def _missing(failure: _Failure) -> Iterator[Mistake]:
    names = [name for name in failure.expected if name not in failure.value]
    message = f"{failure.subject} needs {' and '.join(f'`{name}`' for name in names)}"
    hint = usage(failure.fields.get(names[0], {}), names[0])
    yield Mistake(failure.path, MISSING_FIELD, message, hint, at_key=True)


def _wrong_type(failure: _Failure) -> Iterator[Mistake]:
    yield _mistyped(failure, _types_of(failure.schema))


def _mistyped(failure: _Failure, types: Sequence[str]) -> Mistake:
    wanted = either([a_type(name) for name in types])
    if failure.value is None:
        return _empty(failure, wanted, failure.usage)
    message = f"{wanted} is needed here, not {kind_of_value(failure.value)}"
    return Mistake(failure.path, WRONG_TYPE, message, _how_to_retype(failure, types))


def _empty(failure: _Failure, wanted: str, hint: str) -> Mistake:
    message = f"{failure.subject} has no value; {wanted} is needed"
    return Mistake(failure.path, WRONG_TYPE, message, hint, at_key=True)


def _how_to_retype(failure: _Failure, types: Sequence[str]) -> str:
    value = failure.value
    if "string" in types and "object" not in types and isinstance(value, bool | int | float):
        return "put it in quotes"
    if isinstance(value, str) and {"number", "integer", "boolean"} & set(types):
        return _no_template(value) or ("write it without quotes" if _is_plain(value) else failure.usage)
    if list(types) == ["array"]:
        return f"begin each item with `- `. {failure.usage}".strip()
    return failure.usage


def _no_template(value: Any) -> str:
    return "a template cannot be used here" if isinstance(value, str) and "{{" in value else ""


def _is_plain(text: str) -> bool:
    """Whether a text would be a number or a boolean without its quotes."""
    return text in ("true", "false") or text.removeprefix("-").replace(".", "", 1).isdecimal()


def _badly_written(failure: _Failure, wanted: str, hint: str) -> Iterator[Mistake]:
    if failure.value is None:
        yield _empty(failure, wanted, hint)
    else:
        message = f"{shown(failure.value, failure.schema)} is not {wanted}"
        yield Mistake(failure.path, BADLY_WRITTEN, message, _no_template(failure.value) or hint)


def _not_one_of(failure: _Failure) -> Iterator[Mistake]:
    values = [str(value) for value in (failure.expected if failure.keyword == "enum" else [failure.expected])]
    near = close_match(str(failure.value), values) if len(values) > 1 else ""
    every = f"it can be {either(values)}" if len(values) > 1 else f"it must be {values[0]}"
    yield _cannot_be(failure, NOT_ONE_OF, f"{near} {every}".strip())


def _badly_formed(failure: _Failure) -> Iterator[Mistake]:
    yield _cannot_be(failure, BADLY_WRITTEN, failure.usage)


def _cannot_be(failure: _Failure, code: str, hint: str) -> Mistake:
    message = f"{failure.subject} cannot be {shown(failure.value, failure.schema)}"
    return Mistake(failure.path, code, message, _no_template(failure.value) or hint)


def _out_of_range(failure: _Failure) -> Iterator[Mistake]:
    bound = f"{_BOUNDS[failure.keyword]} {failure.expected:,}"
    message = f"{failure.subject} must be {bound}, not {shown(failure.value, failure.schema)}"
    yield Mistake(failure.path, OUT_OF_RANGE, message, failure.usage)


def _wrong_length(failure: _Failure) -> Iterator[Mistake]:
    unit = "characters" if isinstance(failure.value, str) else "items" if isinstance(failure.value, list) else "fields"
    limit = f"{'at least' if failure.keyword.startswith('min') else 'at most'} {failure.expected:,} {unit}"
    message = f"{failure.subject} must have {limit}" if failure.value else f"{failure.subject} must not be empty"
    yield Mistake(failure.path, WRONG_LENGTH, message, failure.usage)


def _not_exactly_one(failure: _Failure) -> Iterator[Mistake]:
    if not failure.fields:
        yield from _wrong_length(failure)
        return
    hint = f"a step has exactly one of {either(list(failure.fields))}"
    known = [name for name in failure.value if name in failure.fields]
    if not failure.value:
        yield Mistake(failure.path, NOT_EXACTLY_ONE, f"{failure.subject} is empty", hint)
    elif len(known) > 1:  # else the one that is too many is unknown, and told as that
        message = f"`{known[0]}` and `{known[1]}` are two steps, and stand in one"
        yield Mistake((*failure.path, known[1]), NOT_EXACTLY_ONE, message, f"begin each with `- `; {hint}", at_key=True)


def _none_of_several(failure: _Failure) -> Iterator[Mistake]:
    """The branch that was meant is the one for the value's type; of several, the one that the value nearly fits."""
    schemas: Sequence[Schema] = failure.expected
    meant = [parts for parts, schema in zip(failure.branches, schemas, strict=True) if _has_type(failure.value, schema)]
    if meant:
        for part in min(meant, key=len):
            yield from _told(part)
    else:
        yield _mistyped(failure, [name for schema in schemas for name in _types_of(schema)])


def _has_type(value: Any, schema: Schema) -> bool:
    types = _types_of(schema)
    return not types or any(_TYPE_CHECKER.is_type(value, name) for name in types)


def _types_of(schema: Schema) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def _not_valid(failure: _Failure) -> Iterator[Mistake]:
    message = f"{failure.subject} does not fit its schema (`{failure.keyword}`)"
    yield Mistake(failure.path, NOT_VALID, message, failure.usage)


_BY_KEYWORD: Mapping[str, Callable[[_Failure], Iterable[Mistake]]] = {
    "additionalProperties": _unknown,
    "required": _missing,
    "type": _wrong_type,
    "anyOf": _none_of_several,
    "pattern": _badly_formed,
    **dict.fromkeys(("enum", "const"), _not_one_of),
    **dict.fromkeys(_BOUNDS, _out_of_range),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _wrong_length),
    **dict.fromkeys(("minProperties", "maxProperties"), _not_exactly_one),
}
