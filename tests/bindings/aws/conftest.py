from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.bindings.aws.server import Moto


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    server = Moto(tmp_path_factory.mktemp("moto"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def name() -> str:
    """A name that no other test uses: of a queue, a topic, a table, a stream."""
    return f"test-{uuid4()}"


@pytest.fixture
def unique() -> str:
    """The same, for the suites that have a parameter `name`."""
    return f"test-{uuid4()}"
