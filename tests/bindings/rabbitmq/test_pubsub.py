from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aio_pika
import aiormq
import pytest
from pydantic import ValidationError

from bindings.contract import InputBinding, Outcome, Publication, PubSub, Subscription
from bindings.rabbitmq import topics
from bindings.rabbitmq.pubsub import RabbitMqPubSub
from engine.errors import DefinitionError, NotReady, Permanent, Unavailable
from tests.bindings.conformance import settled
from tests.bindings.fakes import context, eventually
from tests.bindings.rabbitmq.server import RabbitMq
from tests.bindings.topics import PubSubConformance, TopicConformance, publication
from tests.proxy import Proxy

KEPT = {"deletedWhenUnused": "false"}


def make(url: str, **metadata: Any) -> PubSub:
    assert topics.pubsub is not None
    settings = topics.metadata.model_validate({"connectionString": url, **KEPT, **metadata})
    return topics.pubsub(settings, context("pubsub"))


@asynccontextmanager
async def opened(url: str, **metadata: Any) -> AsyncIterator[PubSub]:
    pubsub = make(url, **metadata)
    try:
        await pubsub.open()
        yield pubsub
    finally:
        await pubsub.close()


@asynccontextmanager
async def subscribed(
    pubsub: PubSub, topic: str, consumer: str = "shop", **metadata: str
) -> AsyncIterator[InputBinding]:
    binding = pubsub.subscribe(Subscription(topic, consumer, metadata))
    try:
        await binding.open()
        yield binding
    finally:
        await binding.close()


async def read(binding: InputBinding, count: int) -> list[bytes]:
    """Reads and acknowledges."""
    found: list[bytes] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            received = await binding.read(100)
            await binding.settle(settled(received))
            found += [message.data or b"" for message in received]
    return found


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid4()}"


@asynccontextmanager
async def channel_of(url: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """As another program has it."""
    async with await aio_pika.connect(url) as connection:
        yield await connection.channel()


class TestRabbitMqPubSub(PubSubConformance):
    keeps_metadata = True

    @pytest.fixture(autouse=True)
    def _server(self, server: RabbitMq) -> None:
        self.url = server.url

    @pytest.fixture
    def topic(self) -> str:
        return f"topic-{uuid4()}"

    async def make(self) -> PubSub:
        return make(self.url)


class TestRabbitMqTopic(TopicConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: RabbitMq) -> None:
        self.url = server.url
        self.topic = f"topic-{uuid4()}"

    async def make_pubsub(self) -> PubSub:
        return make(self.url)


async def test_names_are_those_that_dapr_declares(server: RabbitMq, topic: str) -> None:
    async with (
        opened(server.url, enableDeadLetter="true", maxLen="100") as pubsub,
        subscribed(pubsub, topic, "audit"),
        channel_of(server.url) as channel,
    ):
        for queue in (f"audit-{topic}", f"dlq-audit-{topic}"):
            await channel.get_queue(queue)
        for exchange in (topic, f"dlx-audit-{topic}"):
            await channel.get_exchange(exchange)


async def test_dead_letter_goes_to_the_queue_for_dead_letters_too(server: RabbitMq, topic: str) -> None:
    async with opened(server.url, enableDeadLetter="true") as pubsub, subscribed(pubsub, topic) as binding:
        await pubsub.publish(topic, [publication(b"good"), publication(b"bad")])
        async with asyncio.timeout(10):
            received = [*await binding.read(1), *await binding.read(1)]
        await binding.settle([*settled(received[:1]), *settled(received[1:], Outcome.DEAD_LETTERED)])
        async with channel_of(server.url) as channel:
            letters = await channel.get_queue(f"dlq-shop-{topic}")
            async with asyncio.timeout(10):
                while (message := await letters.get(no_ack=True, fail=False)) is None:
                    pass  # a round trip each
    assert message.body == b"bad"


async def test_dead_letter_is_acknowledged_without_a_queue_for_it(server: RabbitMq, topic: str) -> None:
    async with opened(server.url) as pubsub, subscribed(pubsub, topic) as binding:
        await pubsub.publish(topic, [publication(b"bad")])
        await binding.settle(settled(await binding.read(1), Outcome.DEAD_LETTERED))
        await pubsub.publish(topic, [publication(b"next")])
        assert await read(binding, 1) == [b"next"]


async def test_routing_key_leads_to_the_queues_that_are_bound_with_it(server: RabbitMq, topic: str) -> None:
    async with (
        opened(server.url, exchangeKind="topic") as pubsub,
        subscribed(pubsub, topic, "one", routingKey="orders.eu.*,orders.us.*") as one,
        subscribed(pubsub, topic, "other", routingKey="orders.us.#") as other,
    ):
        sent = [publication(key.encode(), routingKey=key) for key in ("orders.eu.1", "orders.us.1", "orders.asia.1")]
        assert await pubsub.publish(topic, sent) == [None] * 3
        assert await read(one, 2) == [b"orders.eu.1", b"orders.us.1"]
        assert await read(other, 1) == [b"orders.us.1"]


async def test_subscription_says_what_its_queue_is(server: RabbitMq, topic: str) -> None:
    options = {"queueName": f"mine-{topic}", "queueType": "quorum", "singleActiveConsumer": "true", "maxLen": "5"}
    async with opened(server.url) as pubsub, subscribed(pubsub, topic, **options) as binding:
        await pubsub.publish(topic, [publication(b"1")])
        assert await read(binding, 1) == [b"1"]
        async with channel_of(server.url) as channel:
            await channel.get_queue(f"mine-{topic}")


async def test_message_expires_and_priorities_count(server: RabbitMq, topic: str) -> None:
    options = {"queueName": f"mine-{topic}", "maxPriority": "10"}
    async with opened(server.url) as pubsub, channel_of(server.url) as channel:
        async with subscribed(pubsub, topic, **options):
            pass  # the queue is there now, and keeps what comes
        await pubsub.publish(topic, [publication(b"late", ttlInSeconds="0.05")])
        async with asyncio.timeout(10):
            while (await channel.declare_queue(f"mine-{topic}", passive=True)).declaration_result.message_count:
                pass  # the server drops it by its own clock
        await pubsub.publish(topic, [publication(b"low", priority="1")])
        await pubsub.publish(topic, [publication(b"high", priority="9")])
        async with subscribed(pubsub, topic, **options) as binding:
            assert await read(binding, 2) == [b"high", b"low"]


async def test_queue_that_is_deleted_when_unused_is_gone_and_its_topic_can_be_used_again(
    server: RabbitMq, topic: str
) -> None:
    async with opened(server.url, deletedWhenUnused="true") as pubsub:
        async with subscribed(pubsub, topic) as binding:
            await pubsub.publish(topic, [publication(b"1")])
            assert await read(binding, 1) == [b"1"]
        assert await pubsub.publish(topic, [publication(b"for nobody")]) == [None]
        async with subscribed(pubsub, topic) as binding:
            await pubsub.publish(topic, [publication(b"2")])
            assert await read(binding, 1) == [b"2"]


async def test_message_that_cannot_be_written_fails_alone(server: RabbitMq, topic: str) -> None:
    async with opened(server.url) as pubsub, subscribed(pubsub, topic) as binding:
        bad = [
            publication(b"x", priority="many"),
            publication(b"x", ttlInSeconds="soon"),
            publication(b"x", **{"n" * 300: ""}),
        ]
        errors = await pubsub.publish(topic, [publication(b"1"), *bad, publication(b"2")])
        assert [type(error) for error in errors] == [type(None), Permanent, Permanent, Permanent, type(None)]
        assert await read(binding, 2) == [b"1", b"2"]


async def test_topic_whose_name_is_too_long_is_refused(server: RabbitMq) -> None:
    async with opened(server.url) as pubsub:
        [error] = await pubsub.publish("t" * 256, [publication(b"1")])
        assert isinstance(error, Permanent | Unavailable)


async def test_exchange_of_another_kind_is_told_and_the_next_topic_works(server: RabbitMq, topic: str) -> None:
    async with channel_of(server.url) as channel:
        await channel.declare_exchange(topic, "headers", durable=True)
    async with opened(server.url) as pubsub:
        [error] = await pubsub.publish(topic, [publication(b"1")])
        assert isinstance(error, Permanent)
        assert "exchangeKind" in str(error) or "another one" in str(error)
        assert await pubsub.publish(f"{topic}-2", [publication(b"1")]) == [None]
        with pytest.raises(DefinitionError, match="is there and is another one"):
            await pubsub.subscribe(Subscription(topic, "shop")).open()


def test_option_of_a_subscription_that_is_wrong_is_refused(server: RabbitMq) -> None:
    with pytest.raises(DefinitionError, match="the subscription to orders has a wrong queueType"):
        make(server.url).subscribe(Subscription("orders", "shop", {"queueType": "stream"}))


async def test_cut_connection_loses_nothing(server: RabbitMq, topic: str) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    found: list[bytes] = []
    async with opened(f"amqp://guest:guest@127.0.0.1:{proxy.port}/") as pubsub:
        binding = pubsub.subscribe(Subscription(topic, "shop"))
        await binding.open()
        for number in range(5):
            data = b"%d" % number
            while await pubsub.publish(topic, [publication(data)]) != [None]:
                pass
            proxy.cut()
            async with asyncio.timeout(20):
                while data not in found:
                    try:
                        received = await binding.read(10)
                        await binding.settle(settled(received))
                        found += [message.data or b"" for message in received]
                    except NotReady:
                        await binding.close()
                        await binding.open()
        await binding.close()
    await proxy.stop()
    assert set(found) == {b"0", b"1", b"2", b"3", b"4"}


async def test_wrong_password_is_told_and_not_shown(server: RabbitMq) -> None:
    with pytest.raises(DefinitionError, match="refused the login") as caught:
        await make(f"amqp://guest:hidden@127.0.0.1:{server.port}/").open()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("metadata", "url"),
    [
        ({"host": "amqp://u:p@h:1/v"}, "amqp://u:p@h:1/v"),
        ({"hostname": "h:5", "username": "u", "password": "p", "protocol": "amqps"}, "amqps://u:p@h:5/"),
        ({}, "amqp://localhost/"),
    ],
)
def test_address_is_that_of_the_metadata(metadata: dict[str, str], url: str) -> None:
    settings: Any = topics.metadata.model_validate(metadata)
    assert str(settings.address) == url


@pytest.mark.parametrize(
    "metadata",
    [
        {"connectionString": "http://h"},
        {"connectionString": "amqp://h", "protocol": "amqps"},
        {"exchangeKind": "round"},
        {"deliveryMode": "3"},
        {"clientCert": "x"},
        {"maxLen": "0"},
        {"unknown": "1"},
    ],
)
def test_wrong_metadata_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        topics.metadata.model_validate(metadata)


async def test_what_is_not_persistent_says_so(server: RabbitMq, topic: str) -> None:
    async with opened(server.url, deliveryMode="1") as transient, opened(server.url) as persistent:
        async with subscribed(transient, topic):
            pass
        await transient.publish(topic, [Publication(b"1", "text/plain")])
        await persistent.publish(topic, [Publication(b"2", "text/plain")])
    async with channel_of(server.url) as channel:
        queue = await channel.get_queue(f"shop-{topic}")
        modes = [(await queue.get(no_ack=True)).delivery_mode for _ in range(2)]
    assert modes == [1, 2]


async def test_open_that_was_cancelled_takes_no_messages(
    server: RabbitMq, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    consuming = asyncio.Event()
    consume = aiormq.Channel.basic_consume

    async def slowly(channel: aiormq.Channel, *arguments: Any, **named: Any) -> None:
        await consume(channel, *arguments, **named)
        consuming.set()
        await asyncio.sleep(60)

    async with opened(server.url) as pubsub:
        binding = pubsub.subscribe(Subscription(topic, "shop"))
        with monkeypatch.context() as patch:
            patch.setattr(aiormq.Channel, "basic_consume", slowly)
            opening = asyncio.create_task(binding.open())
            await consuming.wait()
            opening.cancel()
            await asyncio.wait([opening])
        await binding.close()
        await binding.open()
        data = [b"%d" % number for number in range(10)]
        await pubsub.publish(topic, [publication(one) for one in data])
        assert await read(binding, 10) == data
        await binding.close()


async def test_login_that_is_refused_later_is_waited_for(server: RabbitMq, topic: str) -> None:
    """It says nothing about the message, which would be a dead letter."""
    proxy = Proxy(server.port)
    await proxy.start()
    url = server.url.replace(str(server.port), str(proxy.port))
    async with opened(url) as pubsub:
        assert isinstance(pubsub, RabbitMqPubSub)
        assert await pubsub.publish(topic, [publication(b"1")]) == [None]
        right = pubsub._writing._server
        wrong = make(url.replace("guest@", "wrong@"))
        assert isinstance(wrong, RabbitMqPubSub)
        pubsub._writing._server = wrong._metadata
        proxy.cut()
        await eventually(lambda: not pubsub._writing.is_open)
        [error] = await pubsub.publish(topic, [publication(b"2")])
        assert isinstance(error, Unavailable)
        assert "refused the login" in str(error)
        pubsub._writing._server = right
        assert await pubsub.publish(topic, [publication(b"2")]) == [None]
    await proxy.stop()
