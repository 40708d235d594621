from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.definitions.value_type import (
    LIST,
    MAPPING,
    NULL,
    NUMBERS,
    TEXT,
    UNKNOWN,
    ValueType,
    of_fields,
    of_kinds,
    of_list,
    of_value,
    union,
)

A_TEXT, A_NUMBER = of_kinds(TEXT), of_kinds(*NUMBERS)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "a whole number"),
        (5.0, "a fraction"),
        (True, "a boolean"),
        (None, "nothing"),
        ("a", "a text"),
        (b"a", "bytes"),
        ([1, "a"], "a list"),
        ({"a": 1}, "a mapping"),
        (datetime(2026, 11, 24, tzinfo=UTC), "a time"),
    ],
)
def test_type_of_a_value_in_words(value: object, words: str) -> None:
    assert str(of_value(value)) == words


def test_both_sorts_of_numbers_are_a_number() -> None:
    assert str(A_NUMBER | of_kinds(NULL)) == "a number or nothing"


def test_either_has_the_kinds_of_both_and_the_fields_of_each_as_far_as_they_agree() -> None:
    either = of_fields({"a": A_TEXT, "b": A_TEXT}) | of_fields({"a": A_NUMBER})

    assert str(either.fields["a"]) == "a number or a text"
    assert either.fields["b"] is UNKNOWN
    assert either.is_closed


def test_either_of_which_one_is_open_is_open() -> None:
    assert not (of_fields({}) | of_kinds(MAPPING)).is_closed


def test_either_nothing_or_a_mapping_keeps_the_fields() -> None:
    either = of_kinds(NULL) | of_fields({"a": A_TEXT})

    assert either.is_closed
    assert either.fields["a"] is A_TEXT


def test_both_has_only_what_each_allows() -> None:
    both = of_fields({"a": UNKNOWN, "b": A_TEXT}) & ValueType(fields={"a": A_TEXT, "c": A_TEXT})

    assert both.kinds == {MAPPING}
    assert dict(both.fields) == {"a": A_TEXT, "b": A_TEXT}


def test_both_of_values_are_those_in_each() -> None:
    one = ValueType(frozenset({TEXT}), values=("a", "b"))

    assert (one & replace(one, values=("b", "c"))).values == ("b",)
    assert (one & A_TEXT).values == ("a", "b")
    assert (one | A_TEXT).values is None


def test_both_of_what_excludes_each_other_is_not_judged() -> None:
    assert (A_TEXT & A_NUMBER).kinds == UNKNOWN.kinds


def test_items_are_known_of_lists_only() -> None:
    texts = of_list([A_TEXT])

    assert texts.item() is A_TEXT
    assert (texts | A_TEXT).item() is UNKNOWN
    assert (texts | of_list([A_NUMBER])).item().kinds == A_TEXT.kinds | A_NUMBER.kinds
    assert of_list([]).item() is UNKNOWN
    assert of_kinds(LIST).item() is UNKNOWN


def test_union_of_nothing_is_none() -> None:
    assert union([]) is None
