from __future__ import annotations

import pytest

from bindings.contract import PubSub
from tests.bindings.nats.project import add_stream, make_pubsub
from tests.bindings.nats.server import Nats
from tests.bindings.topics import PubSubConformance, TopicConformance


@pytest.fixture
async def url(server: Nats) -> str:
    await add_stream(server.url, "TOPICS", ["*"])
    return server.url


class TestJetStreamPubSub(PubSubConformance):
    keeps_metadata = True

    @pytest.fixture(autouse=True)
    def _server(self, url: str) -> None:
        self.url = url

    async def make(self) -> PubSub:
        return make_pubsub(self.url)


class TestJetStreamTopic(TopicConformance):
    @pytest.fixture(autouse=True)
    def _server(self, url: str) -> None:
        self.url = url

    async def make_pubsub(self) -> PubSub:
        return make_pubsub(self.url)
