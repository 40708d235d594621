from __future__ import annotations

import pytest

from bindings.contract import PubSub
from tests.bindings.redis.server import RedisServer
from tests.bindings.redis.test_pubsub import make_pubsub
from tests.bindings.topics import TopicConformance


class TestRedisTopic(TopicConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer) -> None:
        self.address = server.address

    async def make_pubsub(self) -> PubSub:
        return make_pubsub(self.address)
