from __future__ import annotations

from typing import Any

import pytest

from bindings.contract import PubSub
from bindings.redis import pubsub_component
from tests.bindings.fakes import context
from tests.bindings.redis.server import RedisServer
from tests.bindings.topics import PubSubConformance


def make_pubsub(address: str, clock: Any = None, **more: Any) -> PubSub:
    assert pubsub_component.pubsub is not None
    metadata = pubsub_component.metadata.model_validate({"redisHost": address, **more})
    return pubsub_component.pubsub(metadata, context("orders", clock=clock))


class TestRedisPubSub(PubSubConformance):
    keeps_metadata = True

    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer) -> None:
        self.address = server.address

    async def make(self) -> PubSub:
        return make_pubsub(self.address)
