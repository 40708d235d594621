from __future__ import annotations

import json
from typing import Any

import pytest

from bindings.query import AllOf, AnyOf, Compare, Condition, Query
from engine.api.query import QueryError, query_of

NESTED = '{"OR": [{"EQ": {"a": 1}}, '


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, Query()),
        ({"filter": {"EQ": {"a.b": None}}}, Query(Condition(Compare.EQ, "a.b", None))),
        ({"filter": {"IN": {"a": [1, "x"]}}}, Query(Condition(Compare.IN, "a", [1, "x"]))),
        (
            {"filter": {"AND": [{"GTE": {"a": 1}}, {"OR": [{"NEQ": {"b": 2}}, {"LT": {"c": 3}}]}]}},
            Query(
                AllOf(
                    [
                        Condition(Compare.GTE, "a", 1),
                        AnyOf([Condition(Compare.NEQ, "b", 2), Condition(Compare.LT, "c", 3)]),
                    ]
                )
            ),
        ),
        ({"sort": [{"key": "a"}, {"key": "b", "order": "DESC"}]}, Query(sort=[("a", False), ("b", True)])),
        ({"sort": [], "page": {"limit": 3, "token": "6"}}, Query(sort=[], limit=3, token="6")),
    ],
)
def test_query_is_read(value: Any, expected: Query) -> None:
    found = query_of(json.dumps(value).encode())
    assert (found.filter, list(found.sort)) == (expected.filter, list(expected.sort))
    assert (found.limit, found.token) == (expected.limit, expected.token)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "failed to parse JSON query body: "),
        ("[" * 100_000, "failed to parse JSON query body: "),
        ("[]", "failed to parse JSON query body: a query must be an object"),
        ('{"filter": {}}', "a filter must be an object with one member"),
        ('{"filter": null}', "a filter must be an object with one member"),
        ('{"filter": {"EQ": {"a": 1, "b": 2}}}', "EQ must be an object with one member"),
        ('{"filter": {"LIKE": {"a": 1}}}', "unsupported filter 'LIKE'; there are AND, OR, EQ, "),
        ('{"filter": {"IN": {"a": 1}}}', "the value of IN must be an array"),
        ('{"filter": {"AND": [{"EQ": {"a": 1}}]}}', "AND must be an array of at least two filters"),
        ('{"filter": ' + NESTED * 100 + "1" + "]}" * 100 + "}", "there are more than 100 filters in filters"),
        ('{"sort": {}}', "`sort` must be an array"),
        ('{"sort": [{"order": "ASC"}]}', "an item of `sort` must have a `key`"),
        ('{"sort": [{"key": "a", "order": "UP"}]}', "an item of `sort` must have a `key`"),
        ('{"page": 1}', "`page` must be an object"),
        ('{"page": {"limit": true}}', "`page` must be an object"),
        ('{"page": {"limit": -1}}', "`page` must be an object"),
        ('{"page": {"token": 1}}', "`page` must be an object"),
    ],
)
def test_text_that_is_no_query(text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        query_of(text.encode())
    assert str(caught.value).startswith(message)
