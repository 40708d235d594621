from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bindings.postgresql.server import PostgreSql


@pytest.fixture(scope="session")
def database(postgresql: PostgreSql) -> str:
    """The URL of a database for all tests that have tables of their own: making one takes a third of a second."""
    return postgresql.new_database()


@pytest.fixture(scope="session")
def stoppable(postgresql: PostgreSql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    """One that a test may stop, if it starts it again."""
    server = PostgreSql(tmp_path_factory.mktemp("postgresql"))
    server.start()
    yield server
    server.stop()
