from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.bindings.mqtt.server import Mosquitto


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def topic() -> str:
    """A topic that no other test uses."""
    return f"tests/{uuid4()}"
