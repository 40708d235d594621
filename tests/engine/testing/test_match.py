from __future__ import annotations

from typing import Any

import pytest

from engine.testing.match import Difference, differences, shown


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, 1.0),
        ("a", b"a"),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}),
        ([], []),
        (None, None),
        ({"$any": True}, 0),
        ({"$matches": "^[0-9]+$"}, "123"),
        ({"$contains": "article"}, "no such article"),
    ],
)
def test_what_matches_has_no_differences(expected: Any, got: Any) -> None:
    assert list(differences(expected, got)) == []


@pytest.mark.parametrize(
    ("expected", "got", "difference"),
    [
        (1, True, Difference((), "1", "true")),
        (1, "1", Difference((), "1", '"1"')),
        (None, 0, Difference((), "null", "0")),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, Difference(("a", "b"), "1", "2")),
        ({"a": 1}, {}, Difference(("a",), "1", "nothing")),
        ({"a": 1}, [1], Difference((), '{"a": 1}', "[1]")),
        ([1, 2], [1], Difference((), "2 items", "1: [1]")),
        ([{"a": 1}], [{"a": 2}], Difference((0, "a"), "1", "2")),
        ({"$any": True}, None, Difference((), "anything", "nothing")),
        ({"$matches": "^b"}, "ab", Difference((), "a text that matches ^b", '"ab"')),
        ({"$matches": "1"}, 1, Difference((), "a text that matches 1", "1")),
        ({"$contains": "x"}, "ab", Difference((), 'a text with "x" in it', '"ab"')),
        ("text", b"\xff\xfe", Difference((), '"text"', "2 bytes b'\\xff\\xfe'")),
    ],
)
def test_what_does_not_match_is_told_with_its_place(expected: Any, got: Any, difference: Difference) -> None:
    assert list(differences(expected, got)) == [difference]


def test_a_whole_match_tells_what_is_not_named() -> None:
    assert list(differences({"a": {}}, {"a": {"b": 1}}, whole=True)) == [Difference(("a", "b"), "nothing", "1")]


def test_a_long_value_is_cut() -> None:
    assert len(shown("x" * 1000)) < 210
