from __future__ import annotations

import pytest

from bindings.contract import StateStore
from bindings.memory.state import MemoryState
from bindings.metadata import StateMetadata
from engine.clock import VirtualClock
from tests.bindings.fakes import context
from tests.bindings.states import StateConformance


class TestMemoryState(StateConformance):
    durable = False
    tolerance = 0.0

    @pytest.fixture(autouse=True)
    def _clock(self) -> None:
        self.clock = VirtualClock()

    async def make(self) -> StateStore:
        return MemoryState(StateMetadata(), context(clock=self.clock))

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    def now(self) -> float:
        return self.clock.now()
