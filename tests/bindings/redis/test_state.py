from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bindings.contract import Change, EtagMismatch, Item, StateStore
from bindings.redis import state_component
from engine.errors import Permanent, Unavailable
from tests.bindings.fakes import context
from tests.bindings.redis.server import RedisServer
from tests.bindings.states import StateConformance
from engine.clock import SystemClock

# What Dapr runs for a write and a read (components-contrib, state/redis/redis.go), in its outcome.
DAPR_KEY = "app||order"


def make_state(address: str, **more: Any) -> StateStore:
    assert state_component.state_store is not None
    metadata = state_component.metadata.model_validate({"redisHost": address, **more})
    return state_component.state_store(metadata, context("state", clock=SystemClock()))


class TestRedisState(StateConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer, client: Redis) -> None:
        self.address, self.client = server.address, client

    async def make(self) -> StateStore:
        return make_state(self.address)

    async def pass_time(self, seconds: float) -> None:
        async for key in self.client.scan_iter():
            left = await self.client.pttl(key)
            if left >= 0:
                await self.client.pexpire(key, left - int(seconds * 1000))
