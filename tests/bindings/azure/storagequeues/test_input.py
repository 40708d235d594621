from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from bindings.azure.storagequeues import component
from bindings.contract import InputBinding, Outcome, Received
from engine.clock import VirtualClock
from engine.errors import DefinitionError, NotReady
from tests.bindings.azure.server import Azurite
from tests.bindings.azure.storagequeues.queue import Queue
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context, eventually
from tests.proxy import Proxy


class TestStorageQueuesInput(InputConformance):
    keeps_order = False  # what comes back goes to the end of the queue

    @pytest.fixture(autouse=True)
    def _queue(self, queue: Queue) -> None:
        self.queue = queue
        self.count = 0

    async def make(self) -> InputBinding:
        return self.queue.input(pollingInterval="100ms")

    async def produce(self, count: int) -> Sequence[bytes | None]:
        produced: list[bytes | None] = []
        for _ in range(count):
            self.count += 1
            self.queue.client.send_message(str(self.count))
            produced.append(b"%d" % self.count)
        return produced


async def read(binding: InputBinding, count: int) -> list[Received]:
    received: list[Received] = []
    async with asyncio.timeout(15):
        while len(received) < count:
            received += await binding.read(100)
    return received


async def test_message_of_another_program_has_daprs_metadata(queue: Queue) -> None:
    async with queue.reading() as binding:
        sent = queue.client.send_message("hallo ü <&> 😀\n", time_to_live=60)
        [received] = await read(binding, 1)
    assert (received.id, received.data, received.attempt) == (sent.id, "hallo ü <&> 😀\n".encode(), 1)
    assert received.attributes == {"time": received.metadata["insertionTime"]}
    assert received.metadata.keys() == {
        *("messageID", "popReceipt", "insertionTime", "expirationTime", "nextVisibleTime", "dequeueCount", "queueName")
    }
    inserted, expires = (
        datetime.fromisoformat(received.metadata[name]) for name in ("insertionTime", "expirationTime")
    )
    assert (expires - inserted).total_seconds() == 60
    assert (received.metadata["dequeueCount"], received.metadata["queueName"]) == ("1", queue.name)


async def test_base64_is_decoded_when_asked_for_and_else_left_as_it_is(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    async with queue.reading(decodeBase64="true") as binding:
        queue.client.send_message(base64.b64encode(b"\x00\xff").decode())
        queue.client.send_message("no base64!")
        received = await read(binding, 2)
    assert {one.data for one in received} == {b"\x00\xff", b"no base64!"}
    assert "is not base64, as decodeBase64 says" in caplog.text


async def test_one_request_gives_32_and_a_read_no_more_than_its_limit(queue: Queue) -> None:
    async with queue.reading() as binding:
        for number in range(40):
            queue.client.send_message(str(number))
        assert len(await binding.read(5)) == 5
        assert len(await binding.read(100)) == 32
        assert len(await binding.read(100)) == 3


async def test_message_is_renewed_while_it_is_under_way(queue: Queue) -> None:
    """Its time is set anew again and again: with one second, it would be there for others after that."""
    async with queue.reading(visibilityTimeout="1s") as binding, queue.reading(pollingInterval="100ms") as other:
        queue.client.send_message("long work")
        received = await read(binding, 1)
        reading = asyncio.create_task(other.read(10))
        done, _ = await asyncio.wait({reading}, timeout=2.5)
        assert not done
        await binding.settle(settled(received))
        reading.cancel()
    assert queue.client.get_queue_properties().approximate_message_count == 0


async def test_message_of_an_engine_that_died_comes_again_and_counts(queue: Queue) -> None:
    clock = VirtualClock()  # time stands still for it, so that it renews nothing
    async with queue.reading(clock, visibilityTimeout="1s") as dead:
        queue.client.send_message("work")
        [first] = await read(dead, 1)
        async with queue.reading(pollingInterval="100ms") as binding:
            [again] = await read(binding, 1)
            assert (again.id, again.attempt) == (first.id, 2)
            await dead.settle(settled([first]))  # too late, and harmless
            await binding.settle(settled([again]))
    assert queue.client.get_queue_properties().approximate_message_count == 0


async def test_message_that_is_not_ours_any_more_is_renewed_no_more(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    async with queue.reading(clock) as binding:
        queue.client.send_message("work")
        received = await read(binding, 1)
        queue.client.clear_messages()
        await clock.advance(15)
        await eventually(lambda: "is not held any more: MessageNotFound" in caplog.text)
        await clock.advance(15)
        await binding.settle(settled(received))
    assert len(caplog.records) == 1


async def test_waits_grow_up_to_the_polling_interval(queue: Queue) -> None:
    clock = VirtualClock()
    async with queue.reading(clock, pollingInterval="400ms") as binding:
        reading = asyncio.create_task(binding.read(1))
        for wait in (0.1, 0.2, 0.4, 0.4):
            await eventually(lambda: clock.sleepers > 0)
            await clock.advance(wait - 0.01)
            assert clock.sleepers == 1
            await clock.advance(0.01)
        await eventually(lambda: clock.sleepers > 0)
        queue.client.send_message("a")
        await clock.advance(0.4)
        assert len(await reading) == 1


async def test_message_given_back_comes_at_once_although_the_wait_is_long(queue: Queue) -> None:
    async with queue.reading(pollingInterval="1h") as binding:
        queue.client.send_message("a")
        [first] = await read(binding, 1)
        reading = asyncio.create_task(binding.read(1))
        await asyncio.wait({reading}, timeout=0.5)
        await binding.settle(settled([first], Outcome.RELEASED))
        async with asyncio.timeout(5):
            [again] = await reading
        assert (again.id, again.attempt) == (first.id, 2)


@pytest.mark.parametrize("key", [base64.b64encode(b"a wrong one").decode(), "no-base64"])
async def test_wrong_key_is_refused_without_showing_it(queue: Queue, key: str) -> None:
    binding = queue.input(accountKey=key)
    with pytest.raises(DefinitionError, match="Azure refused the login") as raised:
        await binding.open()
    await binding.close()
    assert key not in str(raised.value)


async def test_server_that_is_away_is_not_ready(queue: Queue) -> None:
    binding = queue.input(queueEndpoint="http://127.0.0.1:9")
    with pytest.raises(NotReady, match=f"queue {queue.name}: Cannot connect"):
        await binding.open()
    await binding.close()


async def test_queue_that_goes_away_is_made_again(queue: Queue) -> None:
    async with queue.reading(pollingInterval="100ms") as binding:
        queue.client.delete_queue()
        async with asyncio.timeout(10):
            with pytest.raises(NotReady, match="QueueNotFound"):
                await binding.read(1)
        await binding.close()
        await binding.open()
        queue.client.send_message("a")
        assert len(await read(binding, 1)) == 1


async def test_restart_and_cuts_lose_nothing(tmp_path: Path) -> None:
    azurite = Azurite(tmp_path)
    azurite.start()
    proxy = Proxy(azurite.queue_port)
    await proxy.start()
    try:
        queue = Queue(azurite, "orders")
        queue.client.create_queue()
        for number in range(60):
            queue.client.send_message(str(number))
        seen: set[bytes | None] = set()
        endpoint = f"http://127.0.0.1:{proxy.port}"
        reading = queue.reading(queueEndpoint=endpoint, visibilityTimeout="2s", pollingInterval="100ms")
        async with reading as binding, asyncio.timeout(40):
            turns = 0
            while len(seen) < 60:
                try:
                    batch = await binding.read(10)
                    turns += 1
                    if turns % 3 == 0:
                        proxy.cut()
                    if turns == 4:
                        azurite.stop()
                        azurite.start()
                    await binding.settle(settled(batch))
                    seen |= {one.data for one in batch}
                except NotReady:
                    await binding.close()
                    await binding.open()
        assert queue.client.get_queue_properties().approximate_message_count == 0
    finally:
        await proxy.stop()
        azurite.close()


async def test_peek_takes_nothing(queue: Queue) -> None:
    assert component.peek is not None
    async with queue.reading():
        pass
    queue.client.send_message("a")
    queue.client.send_message("b")
    for _ in range(2):
        [first] = await component.peek(queue.metadata(), context(), 1)
        assert (first.data, first.attempt) == (b"a", 1)
