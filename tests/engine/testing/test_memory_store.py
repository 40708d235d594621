"""The fake queue is held to the contract of the real ones: what a test shows on it is true of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bindings.contract import InputBinding
from bindings.store import Message
from engine.testing.memory_store import Backlog, MemoryQueue, MemoryStore
from tests.bindings.conformance import InputConformance
from tests.bindings.fakes import event


class QueueAsInput(MemoryQueue):
    redelivery: Literal["native", "store", "none"] = "native"

    async def open(self) -> None:
        pass


class TestMemoryQueue(InputConformance):
    async def make(self) -> InputBinding:
        return QueueAsInput(self.backlog)

    async def produce(self, count: int) -> Sequence[bytes | None]:
        events = [event() for _ in range(count)]
        await MemoryQueue(self.backlog).put([Message(one.id, one.data) for one in events])
        return [one.data for one in events]

    def setup_method(self) -> None:
        self.backlog = Backlog()


async def test_put_of_an_id_that_is_held_adds_nothing() -> None:
    queue = MemoryStore().queue("orders")
    await queue.put([Message("1", b"first"), Message("1", b"second")])
    [message] = await queue.read(10)
    await queue.put([Message("1", b"third"), Message("2", b"other")])
    assert [message.data, *(later.data for later in await queue.read(10))] == [b"first", b"other"]
