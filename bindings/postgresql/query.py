"""Queries of state as SQL, for the layout with jsonb (Dapr, State query API).

Dapr compares texts, by which 9 is more than 10; here numbers are compared as numbers, and other values as they are.
"""

from __future__ import annotations

import json
from typing import Any

from bindings.query import AllOf, Compare, Condition, Filter, Query
from engine.errors import Permanent

_OPERATORS = {Compare.GT: ">", Compare.GTE: ">=", Compare.LT: "<", Compare.LTE: "<="}


class QueryText:
    """`where` and `order` are SQL with the `parameters`; raises `Permanent` for what is no query."""

    def __init__(self, query: Query) -> None:
        self.parameters: dict[str, Any] = {"prefix": query.prefix, "limit": query.limit + 1 if query.limit else None}
        self.parameters["offset"] = _offset(query.token)
        self.where = self._filter(query.filter) if query.filter is not None else "true"
        sort = [f"{self._field(field)} {'DESC' if down else 'ASC'}" for field, down in query.sort]
        self.order = ", ".join([*sort, "key"])  # pages need an order that is always the same

    def _filter(self, filter: Filter) -> str:
        if isinstance(filter, Condition):
            return self._condition(filter)
        if not filter.filters:
            raise Permanent("AND and OR need at least one filter")
        parts = [self._filter(part) for part in filter.filters]
        return f"({(' AND ' if isinstance(filter, AllOf) else ' OR ').join(parts)})"

    def _condition(self, condition: Condition) -> str:
        field = self._field(condition.field)
        if condition.compare is Compare.IN:
            if not isinstance(condition.value, list) or not condition.value:
                raise Permanent(f"IN needs a list of values for {condition.field!r}")
            return f"({' OR '.join(f'{field} = {self._value(value)}' for value in condition.value)})"
        if condition.compare is Compare.EQ:
            return f"{field} = {self._value(condition.value)}"
        if condition.compare is Compare.NEQ:
            return f"{field} <> {self._value(condition.value)}"
        if isinstance(condition.value, bool) or not isinstance(condition.value, int | float):
            raise Permanent(f"{condition.compare} needs a number for {condition.field!r}")
        larger = f"{field} {_OPERATORS[condition.compare]} {self._value(condition.value)}"
        return f"(jsonb_typeof({field}) = 'number' AND {larger})"

    def _field(self, field: str) -> str:
        if not field:
            raise Permanent("a field of a query needs a name")
        return f"(value #> {self._parameter(field.split('.'))}::text[])"

    def _value(self, value: Any) -> str:
        return f"{self._parameter(json.dumps(value))}::jsonb"

    def _parameter(self, value: Any) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"


def _offset(token: str) -> int:
    if token and not (token.isascii() and token.isdecimal() and len(token) < 19):
        raise Permanent(f"{token!r} is no token of a page")
    return int(token or 0)
