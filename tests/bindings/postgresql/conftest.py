from __future__ import annotations

import pytest

from tests.bindings.postgresql.server import PostgreSql


@pytest.fixture(scope="session")
def database(postgresql: PostgreSql) -> str:
    """The URL of a database for all tests that have tables of their own: making one takes a third of a second."""
    return postgresql.new_database()
