"""The conformance suite of state stores that can be queried: what bindings/contract.py says of `Queryable`.

class TestPostgreSqlQueries(QueryConformance):
    async def make(self) -> StateStore: ...
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bindings.contract import Change, Queryable, StateStore
from bindings.query import AllOf, AnyOf, Compare, Condition, Filter, Query
from engine.errors import Permanent

PEOPLE: dict[str, Any] = {
    "ada": {"name": "Ada", "age": 9, "address": {"city": "London", "zip": "W1"}, "member": True},
    "bob": {"name": "Bob", "age": 10, "address": {"city": "Paris"}, "member": False},
    "cleo": {"name": "Cleo", "age": 100.5, "address": {"city": "London"}, "nick": None},
    "dan": {"name": "Dan", "age": "10", "address": {"city": 'Berlin\'s "best"'}},
    "list": [1, 2, 3],
    "text": "Ada",
}


def where(compare: str, field: str, value: Any) -> Condition:
    return Condition(Compare(compare), field, value)


class QueryConformance(ABC):
    @abstractmethod
    async def make(self) -> StateStore:
        """A new instance on a fresh system, not opened."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[StateStore]:
        store = await self.make()
        try:
            await store.open()
            changes = [Change(f"shop||{key}", json.dumps(value).encode()) for key, value in PEOPLE.items()]
            changes += [Change("shop||bytes", b"\xff"), Change("other||ada", b'{"name": "Ada"}')]
            assert list(await store.write(changes)) == [None] * len(changes)
            yield store
        finally:
            await store.close()

    async def keys(self, store: StateStore, filter: Filter | None = None, **query: Any) -> list[str]:
        assert isinstance(store, Queryable)
        page = await store.query(Query(filter, prefix="shop||", **query))
        return [key.removeprefix("shop||") for key, _ in page.items]

    @pytest.mark.parametrize(
        ("filter", "found"),
        [
            (where("EQ", "name", "Ada"), ["ada"]),
            (where("EQ", "address.city", "London"), ["ada", "cleo"]),
            (where("EQ", "address.city", 'Berlin\'s "best"'), ["dan"]),
            (where("EQ", "age", 10), ["bob"]),
            (where("EQ", "age", "10"), ["dan"]),
            (where("EQ", "member", True), ["ada"]),
            (where("EQ", "address", {"city": "Paris"}), ["bob"]),
            (where("NEQ", "address.city", "London"), ["bob", "dan"]),
            (where("GT", "age", 9), ["bob", "cleo"]),
            (where("GTE", "age", 9.0), ["ada", "bob", "cleo"]),
            (where("LT", "age", 10), ["ada"]),
            (where("LTE", "age", 10), ["ada", "bob"]),
            (where("IN", "name", ["Ada", "Dan", "Eve"]), ["ada", "dan"]),
            (AllOf([where("EQ", "address.city", "London"), where("GT", "age", 50)]), ["cleo"]),
            (AnyOf([where("EQ", "name", "Bob"), where("EQ", "name", "Ada")]), ["ada", "bob"]),
            (
                AnyOf([AllOf([where("GTE", "age", 10), where("EQ", "name", "Bob")]), where("EQ", "address.zip", "W1")]),
                ["ada", "bob"],
            ),
            (where("EQ", "no.such.field", 1), []),
        ],
        ids=str,
    )
    async def test_filter_finds(self, store: StateStore, filter: Filter, found: list[str]) -> None:
        assert sorted(await self.keys(store, filter)) == found

    async def test_without_a_filter_all_json_of_the_prefix_is_found(self, store: StateStore) -> None:
        assert sorted(await self.keys(store)) == sorted(PEOPLE)

    async def test_items_are_those_of_get(self, store: StateStore) -> None:
        assert isinstance(store, Queryable)
        page = await store.query(Query(where("EQ", "name", "Ada"), prefix="shop||"))
        assert dict(page.items) == await store.get(["shop||ada"])
        assert page.token == ""

    async def test_sorted_by_several_fields(self, store: StateStore) -> None:
        people = where("IN", "name", ["Ada", "Bob", "Cleo"])
        assert await self.keys(store, people, sort=[("age", False)]) == ["ada", "bob", "cleo"]
        assert await self.keys(store, people, sort=[("age", True)]) == ["cleo", "bob", "ada"]
        by_city = [("address.city", True), ("age", False)]
        assert await self.keys(store, people, sort=by_city) == ["bob", "ada", "cleo"]

    async def test_pages_follow_one_another(self, store: StateStore) -> None:
        assert isinstance(store, Queryable)
        found, token, sizes = [], "", []
        while True:
            page = await store.query(Query(sort=[("age", False)], limit=4, token=token, prefix="shop||"))
            found += [key.removeprefix("shop||") for key, _ in page.items]
            sizes.append(len(page.items))
            token = page.token
            if not token:
                break
        assert sorted(found) == sorted(PEOPLE)
        assert sizes == [4, 2]

    async def test_page_that_is_just_full_is_the_last(self, store: StateStore) -> None:
        assert isinstance(store, Queryable)
        page = await store.query(Query(limit=len(PEOPLE), prefix="shop||"))
        assert (len(page.items), page.token) == (len(PEOPLE), "")

    @pytest.mark.parametrize(
        "query",
        [
            Query(where("GT", "name", "Ada")),
            Query(where("LT", "member", True)),
            Query(where("IN", "name", [])),
            Query(where("EQ", "", 1)),
            Query(AllOf([])),
            Query(token="next"),
        ],
        ids=str,
    )
    async def test_query_that_cannot_be_understood_is_refused(self, store: StateStore, query: Query) -> None:
        assert isinstance(store, Queryable)
        with pytest.raises(Permanent):
            await store.query(query)
