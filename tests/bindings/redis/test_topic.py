from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import Clock, InputBinding, Outcome, PubSub, Received, Subscription
from bindings.redis import topic as module
from bindings.redis.connection import RedisConnection
from engine.clock import VirtualClock
from engine.errors import DefinitionError, NotReady, Unavailable
from tests.bindings.conformance import settled
from tests.bindings.redis.server import RedisCluster, RedisServer
from tests.bindings.redis.test_pubsub import EVENT, EVENTS, make_pubsub
from tests.bindings.topics import TopicConformance, publication
from tests.proxy import Proxy

pytestmark = pytest.mark.usefixtures("client")
HOUR = 3_600_000  # milliseconds


class TestRedisTopic(TopicConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer) -> None:
        self.address = server.address

    async def make_pubsub(self) -> PubSub:
        return make_pubsub(self.address)


class TestClusterTopic(TopicConformance):
    @pytest.fixture(autouse=True)
    def _server(self, cluster: RedisCluster) -> None:
        self.address = cluster.address

    async def make_pubsub(self) -> PubSub:
        return make_pubsub(self.address, redisType="cluster")


@asynccontextmanager
async def subscribed(
    address: str, clock: Clock | None = None, consumer: str = "shop", **more: Any
) -> AsyncIterator[InputBinding]:
    pubsub = make_pubsub(address, clock, **more)
    binding = pubsub.subscribe(Subscription("orders", consumer))
    try:
        await pubsub.open()
        await binding.open()
        yield binding
    finally:
        await binding.close()
        await pubsub.close()


async def publish(client: Any, *data: bytes) -> list[str]:
    """As Dapr does it; the ids of the entries."""
    return [(await client.xadd("orders", {"data": one})).decode() for one in data]


async def read(binding: InputBinding, count: int) -> list[Received]:
    received: list[Received] = []
    async with asyncio.timeout(10):
        while len(received) < count:
            received += await binding.read(100)
    return received


async def read_one(binding: InputBinding, client: Any) -> None:
    """After this, the first look at what others have left is done."""
    await publish(client, b"0")
    await binding.settle(settled(await read(binding, 1)))


async def pending(client: Any) -> dict[str, dict[str, Any]]:
    found = await client.xpending_range("orders", "shop", "-", "+", 1000)
    return {one["message_id"].decode(): one for one in found}


async def consumers(client: Any) -> set[str]:
    return {one["name"].decode() for one in await client.xinfo_consumers("orders", "shop")}


async def test_messages_of_dapr_are_understood(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        [first] = await publish(client, EVENT)
        await client.xadd("orders", {"data": b"\x00", "metadata": '{"tenant": "gr\\u00fcn", "number": 1}'})
        await client.xadd("orders", {"data": "1", "metadata": "no JSON"})
        event, raw, broken = await read(binding, 3)
    assert (event.id, event.data, event.attributes) == (first, EVENT, {"datacontenttype": EVENTS})
    assert event.metadata == {"topic": "orders", "entryId": first}
    assert (raw.data, raw.attributes) == (b"\x00", {})
    assert raw.metadata == {"topic": "orders", "entryId": raw.id, "tenant": "grün"}
    assert (broken.data, broken.metadata) == (b"1", {"topic": "orders", "entryId": broken.id})


async def test_entry_of_another_program_is_its_fields_as_json(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        await client.xadd("orders", {"name": "Zoë", "amount": "3"})
        [message] = await read(binding, 1)
    assert message.data == '{"name": "Zoë", "amount": "3"}'.encode()
    assert message.attributes == {"datacontenttype": "application/json"}


async def test_group_that_is_new_gets_all_that_is_there(server: RedisServer, client: Any) -> None:
    await publish(client, b"1", b"2")
    async with subscribed(server.address) as binding:
        assert [message.data for message in await read(binding, 2)] == [b"1", b"2"]


async def test_one_read_takes_no_more_than_queue_depth(server: RedisServer, client: Any) -> None:
    await publish(client, *(b"%d" % number for number in range(7)))
    async with subscribed(server.address, queueDepth="3") as binding:
        assert [len(await binding.read(100)) for _ in range(3)] == [3, 3, 1]


async def test_what_was_acknowledged_is_pending_for_nobody(server: RedisServer, client: Any) -> None:
    pubsub = make_pubsub(server.address)
    await pubsub.open()
    await pubsub.publish("orders", [publication(b"%d" % number) for number in range(2500)])
    await pubsub.close()
    async with subscribed(server.address, queueDepth="10000") as binding:
        received = list(await binding.read(2500))
        await binding.settle(settled(received[:-1]))
        assert (await pending(client)).keys() == {received[-1].id}


async def test_what_a_dead_consumer_left_comes_with_its_count(server: RedisServer, client: Any) -> None:
    clock = VirtualClock()
    async with subscribed(server.address, clock) as binding:
        await read_one(binding, client)
        dead, alive = await publish(client, b"1", b"2")
        await client.xreadgroup("shop", "another", {"orders": ">"})
        await client.xclaim("orders", "shop", "another", 0, [dead], idle=61_000, retrycount=4)
        reading = asyncio.create_task(binding.read(10))
        await asyncio.wait({reading}, timeout=0.05)
        assert not reading.done()
        await clock.advance(15)  # redeliverInterval
        [message] = await reading
        assert (message.id, message.attempt) == (dead, 5)
        await binding.settle(settled([message]))
        assert (await pending(client)).keys() == {alive}


async def test_dead_consumer_is_looked_for_as_often_as_it_is_said(server: RedisServer, client: Any) -> None:
    clock = VirtualClock()
    more = {"processingTimeout": "30s", "redeliverInterval": "100s"}
    async with subscribed(server.address, clock, **more) as binding:
        await read_one(binding, client)
        [dead] = await publish(client, b"1")
        await client.xreadgroup("shop", "another", {"orders": ">"})
        await client.xclaim("orders", "shop", "another", 0, [dead], idle=31_000)
        reading = asyncio.create_task(binding.read(10))
        await clock.advance(99)
        await asyncio.wait({reading}, timeout=0.05)
        assert not reading.done()
        await clock.advance(1)
        assert [message.id for message in await reading] == [dead]


async def test_many_that_were_left_come_in_runs(server: RedisServer, client: Any) -> None:
    ids = await publish(client, *(b"%d" % number for number in range(120)))
    await client.xgroup_create("orders", "shop", "0")
    await client.xreadgroup("shop", "another", {"orders": ">"}, count=1000)
    await client.xclaim("orders", "shop", "another", 0, ids, idle=HOUR)
    async with subscribed(server.address) as binding:
        received = await read(binding, 120)
        assert [message.id for message in received] == ids
        assert {message.attempt for message in received} == {3}
        await binding.settle(settled(received))
        assert await pending(client) == {}


async def test_without_redelivery_a_dead_consumer_keeps_its_messages(server: RedisServer, client: Any) -> None:
    clock = VirtualClock()
    async with subscribed(server.address, clock, redeliverInterval="0") as binding:
        [dead] = await publish(client, b"1")
        await client.xreadgroup("shop", "another", {"orders": ">"})
        await client.xclaim("orders", "shop", "another", 0, [dead], idle=HOUR)
        assert clock.sleepers == 0
        await publish(client, b"2")
        assert [message.data for message in await read(binding, 1)] == [b"2"]


async def test_without_redelivery_what_is_given_back_comes_again(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address, processingTimeout="0") as binding:
        await publish(client, b"1")
        first = await read(binding, 1)
        await binding.settle(settled(first, Outcome.RELEASED))
        again = await read(binding, 1)
        await binding.close()
        await binding.open()
        assert [(message.id, message.attempt) for message in again + await read(binding, 1)] == [
            (first[0].id, 2),
            (first[0].id, 3),
        ]


async def test_message_that_is_worked_on_is_not_taken_for_left(server: RedisServer, client: Any) -> None:
    clock = VirtualClock()
    async with subscribed(server.address, clock) as binding:
        [id] = await publish(client, b"1")
        [message] = await read(binding, 1)
        [owner] = await consumers(client)
        for _ in range(3):
            await client.xclaim("orders", "shop", owner, 0, [id], idle=50_000, justid=True)
            await clock.advance(20)
            while (facts := (await pending(client))[id])["time_since_delivered"] >= 50_000:
                pass
            assert (facts["times_delivered"], facts["consumer"].decode()) == (1, owner)
        await binding.settle(settled([message]))


async def test_own_message_is_not_claimed_a_second_time(server: RedisServer, client: Any) -> None:
    clock = VirtualClock()
    async with subscribed(server.address, clock, processingTimeout="1h") as binding:
        [first] = await publish(client, b"1")
        await read(binding, 1)
        [owner] = await consumers(client)
        await client.xclaim("orders", "shop", owner, 0, [first], idle=2 * HOUR, justid=True)
        await clock.advance(15)
        [second] = await publish(client, b"2")
        assert [message.id for message in await read(binding, 1)] == [second]


async def test_message_that_was_given_back_is_free_for_all(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        [id] = await publish(client, b"1")
        received = await read(binding, 1)
        await binding.settle(settled(received, Outcome.RELEASED))
        facts = (await pending(client))[id]
        assert (facts["consumer"], facts["times_delivered"]) == (b"shop", 1)  # the name of all of Dapr's consumers
        assert facts["time_since_delivered"] > HOUR


async def test_close_gives_back_and_forgets_the_consumer(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        ids = await publish(client, b"1", b"2")
        [first, _] = await read(binding, 2)
        await binding.settle(settled([first]))
        assert len(await consumers(client)) == 1
    found = await pending(client)
    assert found.keys() == {ids[1]}
    assert found[ids[1]]["time_since_delivered"] > HOUR
    assert await consumers(client) == {"shop"}


async def test_consumers_of_crashed_engines_are_forgotten(
    server: RedisServer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GONE", -1)
    await publish(client, b"1")
    await client.xgroup_create("orders", "shop", "0")
    await client.xgroup_createconsumer("orders", "shop", "jackfield-idle")
    await client.xgroup_createconsumer("orders", "shop", "another")
    await client.xreadgroup("shop", "jackfield-busy", {"orders": ">"})
    async with subscribed(server.address):
        assert await consumers(client) == {"another", "jackfield-busy"}


async def test_settle_after_a_reopen_is_still_an_acknowledgement(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        await publish(client, b"1", b"2")
        early, late = await read(binding, 2)
        await binding.close()
        await binding.open()
        await binding.settle(settled([early]))
        await binding.settle(settled([late], Outcome.RELEASED))  # it was given back already
        [again] = await read(binding, 1)
        assert (again.id, again.attempt) == (late.id, 2)
        await binding.settle(settled([late]))
        assert await pending(client) == {}


async def test_message_that_is_settled_while_it_waits_again_is_left_out(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        await publish(client, b"1", b"2", b"3")
        received = await read(binding, 3)
        await binding.close()
        await binding.open()
        [first] = await binding.read(1)
        await binding.settle(settled(received[:2]))
        assert first.id == received[0].id
        assert [message.id for message in await read(binding, 1)] == [received[2].id]


async def test_entry_that_was_trimmed_is_pending_no_more(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        ids = await publish(client, b"1", b"2")
        await read(binding, 2)
        await client.xdel("orders", ids[0])
        await binding.close()
        await binding.open()
        assert [message.id for message in await read(binding, 1)] == [ids[1]]
        assert (await pending(client)).keys() == {ids[1]}


async def test_group_that_is_gone_is_not_ready_and_made_anew(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        reading = asyncio.create_task(binding.read(10))
        await asyncio.wait({reading}, timeout=0.05)
        await client.xgroup_destroy("orders", "shop")
        with pytest.raises(NotReady, match="the group shop of orders is gone"):
            await reading
        await publish(client, b"1")
        await binding.close()
        await binding.open()
        assert [message.data for message in await read(binding, 1)] == [b"1"]


async def test_stream_that_is_deleted_is_not_ready(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        reading = asyncio.create_task(binding.read(10))
        await asyncio.wait({reading}, timeout=0.05)
        await client.delete("orders")
        with pytest.raises(NotReady):
            await reading


async def test_topic_that_is_no_stream_is_refused(server: RedisServer, client: Any) -> None:
    await client.set("orders", "text")
    with pytest.raises(DefinitionError, match="WRONGTYPE"):
        async with subscribed(server.address):
            pass


async def test_connection_that_is_cut_is_not_ready_and_nothing_is_lost(server: RedisServer, client: Any) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    pubsub = make_pubsub(f"127.0.0.1:{proxy.port}")
    await pubsub.open()
    binding = pubsub.subscribe(Subscription("orders", "shop"))
    await binding.open()
    ids = await publish(client, *(b"%d" % number for number in range(100)))
    held = list(await binding.read(40))
    proxy.cut()
    with pytest.raises(NotReady):
        await read(binding, 100)
    await binding.close()
    await binding.open()
    await binding.settle(settled(held[:10]))
    again = {message.id for message in await read(binding, 90)}
    assert again == set(ids[10:])
    await binding.close()
    await pubsub.close()
    await proxy.stop()


async def test_silent_server_does_not_hold_up_a_close(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PARTING", 0.05)
    proxy = Proxy(server.port)
    await proxy.start()
    pubsub = make_pubsub(f"127.0.0.1:{proxy.port}")
    await pubsub.open()
    binding = pubsub.subscribe(Subscription("orders", "shop"))
    await binding.open()
    proxy.stall()
    async with asyncio.timeout(2):
        await binding.close()
        await pubsub.close()
    await proxy.stop()


async def test_silence_of_the_server_is_noticed(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 0.05)
    monkeypatch.setattr(module, "_PARTING", 0.05)
    proxy = Proxy(server.port)
    await proxy.start()
    async with subscribed(f"127.0.0.1:{proxy.port}", readTimeout="1s", redisMaxRetries=-1) as binding:
        reading = asyncio.create_task(binding.read(10))
        await asyncio.wait({reading}, timeout=0.3)
        assert not reading.done()  # a server that has nothing to give is not silent
        proxy.stall()
        with pytest.raises(NotReady, match="no answer within"):
            await reading
    await proxy.stop()


async def test_restart_of_the_server_loses_nothing(own_server: RedisServer) -> None:
    pubsub = make_pubsub(own_server.address)
    await pubsub.open()
    binding = pubsub.subscribe(Subscription("orders", "shop"))
    await binding.open()
    assert await pubsub.publish("orders", [publication(b"%d" % number) for number in range(100)]) == [None] * 100
    held = list(await binding.read(40))
    own_server.stop()
    with pytest.raises(NotReady):
        await read(binding, 100)
    with pytest.raises(Unavailable):
        await binding.settle(settled(held))
    await binding.close()
    with pytest.raises(NotReady):
        await binding.open()
    await binding.close()
    own_server.start()
    await binding.open()
    await binding.settle(settled(held))
    assert sorted(int(message.data or b"") for message in await read(binding, 60)) == list(range(40, 100))
    await binding.close()
    await pubsub.close()


@pytest.fixture
def old_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, 'rename-command XAUTOCLAIM ""')
    server.start()
    yield server
    server.stop()


async def test_server_that_is_too_old_is_refused(old_server: RedisServer) -> None:
    async with subscribed(old_server.address) as binding:
        with pytest.raises(DefinitionError, match="too old") as caught:
            await binding.read(10)
    assert "6.2" in caught.value.hint


async def test_idle_input_asks_for_nothing(server: RedisServer, client: Any) -> None:
    async with subscribed(server.address) as binding:
        reading = asyncio.create_task(binding.read(10))
        await asyncio.wait({reading}, timeout=0.2)
        before = (await client.info("stats"))["total_commands_processed"]
        await asyncio.wait({reading}, timeout=0.5)
        after = (await client.info("stats"))["total_commands_processed"]
        assert after - before <= 2  # one of them is the question itself
        reading.cancel()
        await asyncio.wait({reading})


async def test_what_is_given_back_during_a_sign_of_life_comes_again_at_once(
    server: RedisServer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, begun, goes_on = VirtualClock(), asyncio.Event(), asyncio.Event()
    run = RedisConnection.run

    async def slowly(connection: RedisConnection, *command: Any) -> Any:
        if command[0] == "XCLAIM" and "TIME" not in command:  # the sign of life, and not the giving back
            begun.set()
            await goes_on.wait()
        return await run(connection, *command)

    monkeypatch.setattr(RedisConnection, "run", slowly)
    async with subscribed(server.address, clock) as binding:
        await publish(client, b"1")
        [message] = await read(binding, 1)
        await clock.advance(20)
        await begun.wait()
        releasing = asyncio.create_task(binding.settle(settled([message], Outcome.RELEASED)))
        await asyncio.wait([releasing], timeout=0.2)
        goes_on.set()
        await releasing
        [again] = await asyncio.wait_for(read(binding, 1), 5)
        assert (again.id, again.attempt) == (message.id, 2)
