from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bindings.postgresql.server import PostgreSql

_INSTALLING = 400  # seconds
_SERVERS = {"server", "fragile", "postgresql", "own_postgresql"}  # fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of a server may have to install it."""
    for item in items:
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.timeout(_INSTALLING))


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    server = PostgreSql(tmp_path_factory.mktemp("postgresql"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    """One that may be stopped."""
    server = PostgreSql(tmp_path_factory.mktemp("postgresql"))
    server.start()
    yield server
    server.stop()
