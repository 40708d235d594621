from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bindings.nats.project import add_stream
from tests.bindings.nats.server import Nats


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def url(server: Nats) -> str:
    """Of a server with a stream that takes all subjects of one word."""
    await add_stream(server.url, "TOPICS", ["*"])
    return server.url
