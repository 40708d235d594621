"""The spool in front of an input that cannot give out again: it passes the conformance suite, and loses nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import pytest

from bindings.contract import InputBinding, Outcome, Received, Redelivery, Settled
from bindings.store import DurableQueue, Message
from engine.errors import NotReady
from engine.spool import Spool
from engine.testing.memory_store import MemoryStore
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import eventually


class Hook:
    """An input that forgets what it has given out; like a webhook, it is told what became of each message."""

    redelivery: Redelivery = "store"

    def __init__(self) -> None:
        self.settled: list[Settled] = []
        self.read_error: Exception | None = None
        self.settle_error: Exception | None = None
        self.closed = 0
        self._messages: deque[Received] = deque()
        self._came = asyncio.Event()

    def send(self, *ids: str) -> None:
        self._messages.extend(Received(id, id.encode(), {"type": "hook"}, {"path": "/"}) for id in ids)
        self._came.set()

    async def open(self) -> None:
        pass

    async def read(self, limit: int) -> Sequence[Received]:
        while not self._messages:
            if self.read_error:
                raise self.read_error
            self._came.clear()
            await self._came.wait()
        return [self._messages.popleft() for _ in range(min(limit, len(self._messages)))]

    def fail(self, error: Exception) -> None:
        self.read_error = error
        self._came.set()

    async def settle(self, settled: Sequence[Settled]) -> None:
        if self.settle_error:
            raise self.settle_error
        self.settled += settled

    async def close(self) -> None:
        self.closed += 1

    @property
    def outcomes(self) -> dict[str, Outcome]:
        return {one.received.id: one.outcome for one in self.settled}


class FullQueue:
    """A durable queue that takes nothing while it is full."""

    def __init__(self, queue: DurableQueue, error: Exception) -> None:
        self.full = True
        self._queue = queue
        self._error = error

    async def put(self, messages: Sequence[Message]) -> None:
        if self.full:
            raise self._error
        await self._queue.put(messages)

    async def read(self, limit: int) -> Sequence[Received]:
        return await self._queue.read(limit)

    async def settle(self, settled: Sequence[Settled]) -> None:
        await self._queue.settle(settled)

    async def close(self) -> None:
        await self._queue.close()


class TestSpool(InputConformance):
    def setup_method(self) -> None:
        self.store = MemoryStore()
        self.produced = 0

    async def make(self) -> InputBinding:
        self.hook = Hook()
        return Spool(self.hook, self.store.queue("hook"))

    async def produce(self, count: int) -> Sequence[bytes | None]:
        ids = [f"{number:04}" for number in range(self.produced, self.produced + count)]
        self.produced += count
        self.hook.send(*ids)
        await eventually(lambda: ids[-1] in self.hook.outcomes)
        return [id.encode() for id in ids]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def opened(hook: Hook, queue: DurableQueue) -> Spool:
    spool = Spool(hook, queue)
    await spool.open()
    return spool


async def test_message_is_settled_with_its_input_as_soon_as_it_is_durable(store: MemoryStore) -> None:
    hook = Hook()
    spool = await opened(hook, store.queue("hook"))
    hook.send("a", "b")
    await eventually(lambda: len(hook.settled) == 2)
    assert hook.outcomes == {"a": Outcome.DONE, "b": Outcome.DONE}
    received = await spool.read(10)
    assert [(message.id, message.data, message.attributes, message.metadata) for message in received] == [
        ("a", b"a", {"type": "hook"}, {"path": "/"}),
        ("b", b"b", {"type": "hook"}, {"path": "/"}),
    ]
    await spool.close()


async def test_outcome_of_the_pipeline_goes_to_the_queue_alone(store: MemoryStore) -> None:
    hook = Hook()
    spool = await opened(hook, store.queue("hook"))
    hook.send("a")
    await spool.settle(settled(await spool.read(10), Outcome.DEAD_LETTERED))
    assert hook.outcomes == {"a": Outcome.DONE}
    await spool.close()


async def test_message_outlives_the_input(store: MemoryStore) -> None:
    hook = Hook()
    first = await opened(hook, store.queue("hook"))
    hook.send("a")
    await first.read(10)
    await first.close()
    second = await opened(Hook(), store.queue("hook"))
    assert [message.id for message in await second.read(10)] == ["a"]
    await second.close()


async def test_crash_between_put_and_settle_repeats_and_does_not_double(store: MemoryStore) -> None:
    """The message is durable, its sender was not told so, and sends it again."""
    hook = Hook()
    hook.settle_error = NotReady("the connection broke")
    spool = await opened(hook, store.queue("hook"))
    hook.send("a")
    assert [message.id for message in await spool.read(10)] == ["a"]
    with pytest.raises(NotReady, match="the connection broke"):
        await spool.read(10)
    await spool.close()
    again = Hook()
    second = await opened(again, store.queue("hook"))
    again.send("a", "b")
    await eventually(lambda: len(again.settled) == 2)
    assert [message.id for message in await second.read(10)] == ["a", "b"]
    await second.close()


async def test_message_that_cannot_be_made_durable_is_released(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook()
    spool = await opened(hook, FullQueue(store.queue("hook"), NotReady("the disk is full")))
    hook.send("a")
    await eventually(lambda: hook.outcomes == {"a": Outcome.RELEASED})
    assert "1 messages could not be stored, and go back to their senders: the disk is full" in caplog.text
    await spool.close()


async def test_messages_are_taken_again_when_the_queue_has_room_though_nobody_reads(store: MemoryStore) -> None:
    hook, queue = Hook(), FullQueue(store.queue("hook"), NotReady("the disk is full"))
    spool = await opened(hook, queue)
    hook.send("a")
    await eventually(lambda: hook.outcomes == {"a": Outcome.RELEASED})
    queue.full = False
    hook.send("b")
    await eventually(lambda: hook.outcomes == {"a": Outcome.RELEASED, "b": Outcome.DONE})
    await spool.close()


@pytest.mark.parametrize("error", [NotReady("the port is taken"), KeyError("path")])
async def test_failure_of_the_input_shows_at_the_next_read(store: MemoryStore, error: Exception) -> None:
    hook = Hook()
    spool = await opened(hook, store.queue("hook"))
    reading = asyncio.create_task(spool.read(10))
    hook.fail(error)
    with pytest.raises(type(error)):
        await reading
    await spool.close()


async def test_what_is_durable_is_read_although_the_input_has_failed(store: MemoryStore) -> None:
    hook = Hook()
    spool = await opened(hook, store.queue("hook"))
    hook.send("a")
    await eventually(lambda: len(hook.settled) == 1)
    hook.fail(NotReady("the port is taken"))
    await asyncio.sleep(0)
    assert [message.id for message in await spool.read(10)] == ["a"]
    await spool.close()


async def test_spool_can_be_opened_again_after_a_failure(store: MemoryStore) -> None:
    hook = Hook()
    spool = await opened(hook, store.queue("hook"))
    hook.fail(NotReady("the port is taken"))
    with pytest.raises(NotReady):
        await spool.read(10)
    await spool.close()
    hook.read_error = None
    await spool.open()
    hook.send("a")
    assert [message.id for message in await spool.read(10)] == ["a"]
    await spool.close()


async def test_queue_is_closed_although_the_input_cannot_be(store: MemoryStore) -> None:
    class Stuck(Hook):
        async def close(self) -> None:
            raise NotReady("the connection broke")

    hook = Stuck()
    spool = await opened(hook, store.queue("hook"))
    hook.send("a")
    await spool.read(10)
    with pytest.raises(NotReady):
        await spool.close()
    async with asyncio.timeout(5):
        assert [message.id for message in await store.queue("hook").read(10)] == ["a"]


@pytest.mark.parametrize("turns", range(8))
async def test_read_cancelled_at_any_moment_loses_nothing(store: MemoryStore, turns: int) -> None:
    hook = Hook()
    spool = await opened(hook, store.queue("hook"))
    hook.send("a")
    reading = asyncio.create_task(spool.read(10))
    for _ in range(turns):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait({reading})
    async with asyncio.timeout(5):
        received = await spool.read(10) if reading.cancelled() else reading.result()
    assert [message.id for message in received] == ["a"]
    await spool.close()
