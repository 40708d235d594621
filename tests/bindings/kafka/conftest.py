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


@pytest.fixture(scope="session")
def _fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("fragile"), makes_topics=False)
    yield server
    server.stop()


@pytest.fixture
def fragile(_fragile: Kafka) -> Kafka:
    """One that makes no topics by itself, and may be killed."""
    if not _fragile.is_running:
        _fragile.start()
    return _fragile


@pytest.fixture
def topic() -> str:
    """A topic name that no other test uses."""
    return f"topic-{uuid4()}"
