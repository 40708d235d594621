from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bindings.nats.server import Nats


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()
