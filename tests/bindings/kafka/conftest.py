from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.bindings.kafka.server import Kafka
from tests.bindings.keys import Keys, make_keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"), "shop")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("kafka"), keys)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def topic() -> str:
    """A topic name that no other test uses."""
    return f"topic-{uuid4()}"
