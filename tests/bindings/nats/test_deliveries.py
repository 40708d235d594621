from __future__ import annotations

import asyncio

import nats
import pytest
from nats.aio.msg import Msg

from bindings.contract import InputBinding, Outcome
from bindings.nats.pubsub import JetStreamPubSub
from engine.clock import VirtualClock
from engine.errors import NotReady, Unavailable
from tests.bindings.conformance import settled
from tests.bindings.fakes import eventually
from tests.bindings.nats.project import jetstream, opened, read_all, reading
from tests.bindings.nats.server import Nats
from tests.bindings.topics import new_topic, publication
from tests.proxy import Proxy


async def read_on(binding: InputBinding) -> None:
    """Reads until that fails."""
    while True:
        await binding.read(10)


async def test_work_that_takes_long_is_told_to_the_server_before_it_gives_the_message_to_another(url: str) -> None:
    clock, topic = VirtualClock(), new_topic()
    observer = await nats.connect(url)
    said: list[bytes] = []

    async def hear(message: Msg) -> None:
        said.append(message.data)

    async with opened(url, clock, ackWait="30s") as pubsub, reading(pubsub, topic) as binding:
        await observer.subscribe("$JS.ACK.TOPICS.>", cb=hear)
        await observer.flush()
        await pubsub.publish(topic, [publication(b"1"), publication(b"2")])
        first, second = await read_all(binding, 2)
        await clock.advance(10)
        await eventually(lambda: said == [b"+WPI"] * 2)
        await binding.settle(settled([first]))
        await clock.advance(10)
        await eventually(lambda: said == [b"+WPI", b"+WPI", b"+ACK", b"+WPI"])
        await binding.settle(settled([second]))
        await clock.advance(60)
        await observer.flush()
        assert said[4:] == [b"+ACK"]
    await observer.close()


async def test_message_of_a_reader_that_is_silent_comes_again(url: str) -> None:
    topic = new_topic()
    async with opened(url, VirtualClock(), ackWait="50ms") as pubsub, reading(pubsub, topic) as binding:
        await pubsub.publish(topic, [publication(b"1")])
        assert [(await binding.read(10))[0].attempt for _ in range(2)] == [1, 2]


async def test_released_messages_come_again_to_whoever_reads(url: str) -> None:
    topic = new_topic()
    async with opened(url) as pubsub, reading(pubsub, topic) as one:
        await pubsub.publish(topic, [publication(b"%d" % number) for number in range(10)])
        messages = await read_all(one, 10)
        await one.settle([*settled(messages[:5]), *settled(messages[5:], Outcome.RELEASED)])
        again = await read_all(one, 5)
        assert [(message.data, message.attempt) for message in again] == [(b"%d" % n, 2) for n in range(5, 10)]


async def test_connection_that_is_cut_loses_nothing_and_repeats_nothing(server: Nats, url: str) -> None:
    """What was read before it is acknowledged after it."""
    proxy = Proxy(server.port)
    await proxy.start()
    topic = new_topic()
    async with opened(f"nats://127.0.0.1:{proxy.port}") as pubsub, reading(pubsub, topic) as binding:
        await pubsub.publish(topic, [publication(b"1"), publication(b"2")])
        first, second = await read_all(binding, 2)
        proxy.cut()
        with pytest.raises(NotReady, match="the connection to NATS was lost"):
            await read_on(binding)
        await binding.settle(settled([first]))
        await binding.close()
        with pytest.raises(Unavailable, match="closed"):
            await binding.settle(settled([second]))
        await binding.open()
        await binding.settle(settled([second]))
        await pubsub.publish(topic, [publication(b"3")])
        assert [one.data for one in await read_all(binding, 1)] == [b"3"]
    await proxy.stop()


async def test_messages_that_came_before_the_connection_was_lost_are_read(server: Nats, url: str) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    topic = new_topic()
    async with opened(f"nats://127.0.0.1:{proxy.port}") as pubsub, reading(pubsub, topic) as binding:
        reading_one = asyncio.create_task(binding.read(10))
        await asyncio.wait({reading_one}, timeout=0.05)
        await pubsub.publish(topic, [publication(b"%d" % number) for number in range(3)])
        messages = list(await reading_one)
        proxy.cut()
        with pytest.raises(NotReady):  # noqa: PT012 - after how many reads depends on what had come
            while True:
                messages += await binding.read(1)
        assert messages
        await binding.settle(settled(messages))
    await proxy.stop()


async def test_consumer_that_is_deleted_is_not_ready_and_made_again(url: str) -> None:
    topic = new_topic()
    async with opened(url, durableName=topic) as pubsub, reading(pubsub, topic) as binding:
        await pubsub.publish(topic, [publication(b"1")])
        [message] = await binding.read(1)
        waiting = asyncio.create_task(binding.read(10))
        await asyncio.wait({waiting}, timeout=0.05)
        async with jetstream(url) as stream:
            await stream.delete_consumer("TOPICS", topic)
        with pytest.raises(NotReady, match=f"consumer {topic} of stream TOPICS: Consumer Deleted"):
            await waiting
        with pytest.raises(Unavailable, match="is not there"):
            await binding.settle(settled([message]))
        await binding.close()
        await binding.open()
        assert [one.data for one in await binding.read(10)] == [b"1"]


async def test_consumer_that_does_not_answer_is_not_ready(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.nats.deliveries._GRACE", -9.8)  # of the ten seconds of a request
    topic = new_topic()
    async with opened(url, durableName=topic) as pubsub, reading(pubsub, topic) as binding:
        async with jetstream(url) as stream:
            await stream.delete_consumer("TOPICS", topic)
        with pytest.raises(NotReady, match=f"consumer {topic} of stream TOPICS does not answer"):
            await binding.read(10)


async def test_empty_message_with_a_header_of_the_server_is_a_message(url: str) -> None:
    topic = new_topic()
    async with opened(url) as pubsub, reading(pubsub, topic) as binding, jetstream(url) as other:
        for status in ("404", "409"):
            await other.publish(topic, b"", headers={"Status": status})
        messages = await asyncio.wait_for(read_all(binding, 2), 10)
        assert [message.metadata["Status"] for message in messages] == ["404", "409"]
        await binding.settle(settled(messages))


async def test_consumer_that_is_gone_leaves_no_subscription_on_the_connection(url: str) -> None:
    topic = new_topic()
    async with opened(url) as pubsub, reading(pubsub, topic) as binding, jetstream(url) as other:
        assert isinstance(pubsub, JetStreamPubSub)
        link = await pubsub._connection.link()
        before = len(link.client._subs)
        reader = asyncio.create_task(binding.read(1))
        await eventually(lambda: binding._deliveries._asked)  # type: ignore[attr-defined]
        stream = await other.find_stream_name_by_subject(topic)
        [name] = [one.name for one in await other.consumers_info(stream) if one.config.filter_subject == topic]
        await other.delete_consumer(stream, name)
        with pytest.raises(NotReady):
            await reader
        await binding.close()
        await binding.open()
        assert await pubsub._connection.link() is link
        assert len(link.client._subs) == before
