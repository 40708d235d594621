from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.bindings.rabbitmq.server import RabbitMq


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    server = RabbitMq(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def queue() -> str:
    """A queue name that no other test uses."""
    return f"queue-{uuid4()}"
