"""A query of state as an app writes it (Dapr, "How-To: Query state"; components-contrib, state/query)."""

from __future__ import annotations

import json
from typing import Any

from bindings.query import AllOf, AnyOf, Compare, Condition, Filter, Query

_DEEPEST = 100  # filters in filters


class QueryError(ValueError):
    """The text is no query."""


def query_of(text: bytes) -> Query:
    """Raises `QueryError`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise QueryError(f"failed to parse JSON query body: {error}") from error
    if not isinstance(value, dict):
        raise QueryError("failed to parse JSON query body: a query must be an object")
    limit, token = _page(value.get("page", {}))
    return Query(
        filter=_filter(value["filter"], 1) if "filter" in value else None,
        sort=_sort(value.get("sort", [])),
        limit=limit,
        token=token,
    )


def _filter(value: Any, depth: int) -> Filter:
    if depth > _DEEPEST:
        raise QueryError(f"there are more than {_DEEPEST} filters in filters")
    name, given = _single(value, "a filter")
    if name in ("AND", "OR"):
        if not isinstance(given, list) or len(given) < 2:
            raise QueryError(f"{name} must be an array of at least two filters")
        filters = [_filter(one, depth + 1) for one in given]
        return AllOf(filters) if name == "AND" else AnyOf(filters)
    if name not in list(Compare):
        raise QueryError(f"unsupported filter {name!r}; there are AND, OR, {', '.join(Compare)}")
    field, wanted = _single(given, name)
    if name == Compare.IN and not isinstance(wanted, list):
        raise QueryError(f"the value of IN must be an array; of {field!r} it is none")
    return Condition(Compare(name), field, wanted)


def _single(value: Any, what: str) -> tuple[str, Any]:
    if not isinstance(value, dict) or len(value) != 1:
        raise QueryError(f"{what} must be an object with one member")
    ((name, given),) = value.items()
    return name, given


def _sort(value: Any) -> list[tuple[str, bool]]:
    if not isinstance(value, list):
        raise QueryError("`sort` must be an array")
    return [_order(one) for one in value]


def _order(value: Any) -> tuple[str, bool]:
    key, order = (value.get("key"), value.get("order", "ASC")) if isinstance(value, dict) else (None, "")
    if not isinstance(key, str) or order not in ("ASC", "DESC", ""):
        raise QueryError("an item of `sort` must have a `key`, and may have the `order` ASC or DESC")
    return key, order == "DESC"


def _page(value: Any) -> tuple[int, str]:
    limit, token = (value.get("limit", 0), value.get("token", "")) if isinstance(value, dict) else (None, None)
    if isinstance(limit, bool) or not isinstance(limit, int) or not isinstance(token, str) or not 0 <= limit < 2**31:
        raise QueryError("`page` must be an object; its `limit` a whole number, its `token` a text")
    return limit, token
