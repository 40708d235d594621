"""What a group promises: order, offsets, rebalances, and what a lost broker or network does to them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bindings.contract import InputBinding, Outcome, Received
from engine.errors import Retryable
from tests.bindings.conformance import all_results, settled
from tests.bindings.fakes import eventually, operation
from tests.bindings.kafka.server import Kafka
from tests.bindings.kafka.test_input import make_input, make_output, opened
from tests.proxy import Proxy

QUICK: dict[str, Any] = {"heartbeatInterval": "200ms", "initialOffset": "oldest"}


def make_topic(server: Kafka, topic: str, partitions: int) -> None:
    client = AdminClient({"bootstrap.servers": server.address})
    client.create_topics([NewTopic(topic, partitions, 1)])[topic].result()


def committed(server: Kafka, group: str, topic: str) -> int:
    """What the group knows of partition 0, as another program sees it."""
    consumer = Consumer({"bootstrap.servers": server.address, "group.id": group})
    try:
        [found] = consumer.committed([TopicPartition(topic, 0)], timeout=10)
    finally:
        consumer.close()
    return int(found.offset)


async def write(server: Kafka, topic: str, bodies: Sequence[bytes], keys: int = 0) -> None:
    operations = [
        operation("create", body, {"partitionKey": str(number % keys)} if keys else {})
        for number, body in enumerate(bodies)
    ]
    async with opened(make_output(server.address, topic)) as output:
        assert all_results(await output.invoke(operations))


async def read(binding: InputBinding, count: int = 1) -> list[Received]:
    found: list[Received] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await binding.read(count - len(found))
    return found


async def settle(binding: InputBinding, messages: Sequence[Received]) -> None:
    """Until it is done, as the engine does it: a group that is being shared anew takes no offsets."""
    async with asyncio.timeout(20):
        while True:
            try:
                await binding.settle(settled(messages))
                return
            except Retryable:
                await asyncio.sleep(0.02)


@pytest.fixture
async def proxy(server: Kafka) -> AsyncIterator[Proxy]:
    proxy = Proxy(server.proxied_port, server.proxy_port)
    await proxy.start()
    yield proxy
    await proxy.stop()


async def test_offset_is_committed_up_to_the_first_that_is_open(server: Kafka, topic: str) -> None:
    await write(server, topic, [b"0", b"1", b"2", b"3"])
    async with opened(make_input(server.address, topic, **QUICK)) as binding:
        messages = await read(binding, 4)
        await binding.settle(settled([messages[2], messages[1]]))
        assert await asyncio.to_thread(committed, server, "orders", topic) == 0
        await binding.settle(settled([messages[0]]))
        assert await asyncio.to_thread(committed, server, "orders", topic) == 3
    async with opened(make_input(server.address, topic, **QUICK)) as binding:
        assert [message.data for message in await read(binding)] == [b"3"]


async def test_group_that_is_new_begins_where_it_is_told(server: Kafka, topic: str) -> None:
    await write(server, topic, [b"old"])
    async with (
        opened(make_input(server.address, topic, consumerGroup="newest")) as newest,
        opened(make_input(server.address, topic, consumerGroup="oldest", initialOffset="oldest")) as oldest,
    ):
        await write(server, topic, [b"new"])
        assert [message.data for message in await read(newest)] == [b"new"]
        assert [message.data for message in await read(oldest, 2)] == [b"old", b"new"]


async def test_what_came_for_a_member_that_acknowledged_nothing_is_not_passed_over(server: Kafka, topic: str) -> None:
    async with opened(make_input(server.address, topic)):
        pass
    await write(server, topic, [b"meanwhile"])
    async with opened(make_input(server.address, topic)) as binding:
        assert [message.data for message in await read(binding)] == [b"meanwhile"]


async def test_thousand_messages_with_keys_come_in_order_through_errors_of_the_app(server: Kafka, topic: str) -> None:
    make_topic(server, topic, 4)
    await write(server, topic, [b"%d" % number for number in range(1200)], keys=10)
    seen: dict[str, list[int]] = defaultdict(list)
    released: set[str] = set()
    async with opened(make_input(server.address, topic, **QUICK)) as binding:
        while sum(map(len, seen.values())) < 1200:
            batch = await read(binding)
            [message] = batch
            number = int(message.data or b"")
            if number % 7 == 0 and message.id not in released:  # the app fails
                released.add(message.id)
                await binding.settle(settled(batch, Outcome.RELEASED))
                continue
            assert message.attempt == (2 if message.id in released else 1)
            seen[message.metadata["__key"]].append(number)
            if number % 50 == 0:
                await binding.settle(settled(batch))
    assert len(released) == 172
    assert len(seen) == 10
    assert all(numbers == sorted(numbers) for numbers in seen.values())


async def test_two_members_share_the_partitions_and_nothing_is_lost_when_one_leaves(server: Kafka, topic: str) -> None:
    make_topic(server, topic, 4)
    more = {**QUICK, "consumerGroup": topic}
    found: set[bytes] = set()
    by_member: list[set[str]] = [set(), set()]

    async def drain(member: int, binding: InputBinding) -> None:
        while True:
            batch = await binding.read(10)
            by_member[member] |= {message.metadata["__partition"] for message in batch}
            await settle(binding, batch)
            found.update(message.data or b"" for message in batch)

    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(opened(make_input(server.address, topic, **more)))
        drains = [asyncio.create_task(drain(0, first))]
        try:
            await write(server, topic, [b"a%d" % number for number in range(400)], keys=50)
            second = make_input(server.address, topic, **more)
            await second.open()
            drains.append(asyncio.create_task(drain(1, second)))
            await write(server, topic, [b"b%d" % number for number in range(400)], keys=50)
            await eventually(lambda: len(found) == 800, timeout=20)
            drains.pop().cancel()
            await second.close()
            await write(server, topic, [b"c%d" % number for number in range(400)], keys=50)
            await eventually(lambda: len(found) == 1200, timeout=20)
        finally:
            for task in drains:
                task.cancel()
            await asyncio.wait(drains)
    assert by_member[0] == {"0", "1", "2", "3"}
    assert len(by_member[1]) == 2


@pytest.mark.parametrize("strategy", ["sticky", "range", "roundrobin"])
async def test_unsettled_messages_of_a_partition_that_is_taken_away_come_at_its_new_member(
    server: Kafka, topic: str, strategy: str
) -> None:
    make_topic(server, topic, 2)
    for number in range(2):
        async with opened(make_output(server.address, topic)) as output:
            wanted = {"partitionNumber": str(number)}
            await output.invoke([operation("create", b"%d-%d" % (number, n), wanted) for n in range(3)])
    more = {**QUICK, "consumerGroup": topic, "consumerGroupRebalanceStrategy": strategy}
    async with opened(make_input(server.address, topic, **more)) as first:
        early = await read(first, 6)
        await first.settle(settled([message for message in early if message.data in (b"0-0", b"1-0")]))
        async with opened(make_input(server.address, topic, **more)) as second:
            moved = await read(second, 2)
            partition = moved[0].metadata["__partition"]
            assert [message.data for message in moved] == [f"{partition}-{n}".encode() for n in (1, 2)]
            await settle(first, early)  # too late for those that moved
            await settle(second, moved)


async def test_member_whose_app_is_slow_answers_its_group(server: Kafka, topic: str) -> None:
    """Nobody reads, and its buffer is full: it pauses, and others get partitions all the same."""
    make_topic(server, topic, 2)
    await write(server, topic, [b"%d" % number for number in range(200)], keys=20)
    more = {**QUICK, "consumerGroup": topic, "channelBufferSize": "5"}
    async with opened(make_input(server.address, topic, **more)) as slow:
        await read(slow, 1)
        async with opened(make_input(server.address, topic, **more)) as other:
            found = await read(other, 50)
            assert len({message.metadata["__partition"] for message in found}) == 1
        again: set[bytes | None] = set()
        while len(again) < 199:  # and goes on when somebody reads
            again |= {message.data for message in await read(slow, 1)}


async def test_broker_that_is_restarted_loses_nothing_and_interrupts_nobody(fragile: Kafka, topic: str) -> None:
    make_topic(fragile, topic, 1)
    async with (
        opened(make_output(fragile.address, topic)) as output,
        opened(make_input(fragile.address, topic, **QUICK)) as binding,
    ):
        await output.invoke([operation("create", b"%d" % number) for number in range(10)])
        messages = await read(binding, 10)
        await asyncio.to_thread(fragile.kill)
        sending = asyncio.create_task(output.invoke([operation("create", b"later")]))
        settling = asyncio.create_task(settle(binding, messages))
        await asyncio.to_thread(fragile.start)
        assert all_results(await sending)
        await settling
        assert [message.data for message in await read(binding)] == [b"later"]
        assert await asyncio.to_thread(committed, fragile, "orders", topic) == 10


async def test_network_that_is_cut_loses_nothing(server: Kafka, topic: str, proxy: Proxy) -> None:
    await write(server, topic, [b"%d" % number for number in range(300)])
    found: list[bytes | None] = []
    more = {**QUICK, "consumerGroup": topic, "channelBufferSize": "20"}
    async with opened(make_input(f"127.0.0.1:{proxy.port}", topic, **more)) as binding:
        for _ in range(30):
            batch = await read(binding, 10)
            found += [message.data for message in batch]
            if len(found) in (50, 120, 200):
                proxy.cut()
            await settle(binding, batch)
    assert set(found) == {b"%d" % number for number in range(300)}
    assert await asyncio.to_thread(committed, server, topic, topic) == 300
