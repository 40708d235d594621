from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bindings.postgresql.server import PostgreSql

pytest.register_assert_rewrite("tests.bindings.conformance")


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    server = PostgreSql(tmp_path_factory.mktemp("postgresql"))
    server.start()
    yield server
    server.stop()
