from __future__ import annotations

import itertools

import pytest

from bindings.contract import Queryable, StateStore
from tests.bindings.postgresql.test_state import make
from tests.bindings.queries import QueryConformance

_numbers = itertools.count(1)


class TestPostgreSqlQueries(QueryConformance):
    @pytest.fixture(autouse=True)
    def _table(self, database: str) -> None:
        self.url = database

    async def make(self) -> StateStore:
        name = f"queried{next(_numbers)}"
        return make(self.url, "v1", tableName=name, metadataTableName=f"{name}_metadata")


def test_only_json_can_be_queried(database: str) -> None:
    assert not isinstance(make(database, "v2"), Queryable)
