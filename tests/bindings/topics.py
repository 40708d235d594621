"""The conformance suites of pub/subs: what bindings/contract.py says of `PubSub`, and its topics as inputs.

One test is one fresh system, or fresh topics in one: `self.topic` gives a name that no other test uses.

    class TestRedisPubSub(PubSubConformance):
        async def make(self) -> PubSub: ...

    class TestRedisTopic(TopicConformance):
        async def make_pubsub(self) -> PubSub: ...
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import ClassVar

import pytest

from bindings.contract import InputBinding, Publication, PubSub, Received, Redelivery, Settled, Subscription
from tests.bindings.conformance import InputConformance, settled

_numbers = itertools.count(1)


def publication(data: bytes, content_type: str = "text/plain", **metadata: str) -> Publication:
    return Publication(data, content_type, metadata)


def new_topic() -> str:
    return f"topic-{next(_numbers)}"


class PubSubConformance(ABC):
    """Flags and hooks first; the tests follow."""

    redelivers: ClassVar[bool] = True
    """Messages that are not settled at close are given out by the next to subscribe with that consumer."""
    keeps_order: ClassVar[bool] = True
    """A consumer alone gets what one call publishes in its order."""
    keeps_metadata: ClassVar[bool] = False
    """The metadata of a publication comes out with its message."""
    keeps_content_type: ClassVar[bool] = True
    """The content type of a publication comes out as `datacontenttype`."""
    patience: ClassVar[float] = 10.0
    """Seconds until a message that does not come is a failure."""

    @abstractmethod
    async def make(self) -> PubSub:
        """A new instance on the same system, not opened."""

    @pytest.fixture
    async def pubsub(self) -> AsyncIterator[PubSub]:
        pubsub = await self.make()
        try:
            await pubsub.open()
            yield pubsub
        finally:
            await pubsub.close()

    @pytest.fixture
    def topic(self) -> str:
        return new_topic()

    @asynccontextmanager
    async def subscribed(self, pubsub: PubSub, topic: str, consumer: str = "shop") -> AsyncIterator[InputBinding]:
        binding = pubsub.subscribe(Subscription(topic, consumer))
        try:
            await binding.open()
            yield binding
        finally:
            await binding.close()

    async def read_all(self, binding: InputBinding, count: int) -> list[Received]:
        received: list[Received] = []
        async with asyncio.timeout(self.patience):
            while len(received) < count:
                received += await binding.read(100)
        return received

    async def publish(self, pubsub: PubSub, topic: str, *data: bytes) -> None:
        publications = [publication(one) for one in data]
        assert await pubsub.publish(topic, publications) == [None] * len(data)

    def in_order(self, received: Sequence[Received]) -> list[bytes | None]:
        data = [message.data for message in received]
        return data if self.keeps_order else sorted(data, key=repr)

    async def test_close_without_open_is_allowed(self) -> None:
        await (await self.make()).close()

    async def test_publish_of_nothing_is_allowed(self, pubsub: PubSub, topic: str) -> None:
        assert list(await pubsub.publish(topic, [])) == []

    async def test_publish_for_nobody_is_confirmed(self, pubsub: PubSub, topic: str) -> None:
        await self.publish(pubsub, topic, b"1", b"2")

    async def test_what_is_published_comes_byte_for_byte(self, pubsub: PubSub, topic: str) -> None:
        sent = [publication(b'{"n":1.0}', "application/json"), publication(bytes(range(256)), "image/png")]
        async with self.subscribed(pubsub, topic) as binding:
            assert await pubsub.publish(topic, sent) == [None, None]
            received = await self.read_all(binding, 2)
            await binding.settle(settled(received))
        by_data = {message.data: message for message in received}
        assert by_data.keys() == {one.data for one in sent}
        if self.keeps_content_type:
            types = {data: message.attributes["datacontenttype"] for data, message in by_data.items()}
            assert types == {one.data: one.content_type for one in sent}

    async def test_message_of_no_bytes_comes_through(self, pubsub: PubSub, topic: str) -> None:
        async with self.subscribed(pubsub, topic) as binding:
            await self.publish(pubsub, topic, b"")
            [message] = await self.read_all(binding, 1)
            await binding.settle(settled([message]))
        assert not message.data

    async def test_many_publications_come_in_their_order(self, pubsub: PubSub, topic: str) -> None:
        data = [b"%03d" % number for number in range(250)]
        async with self.subscribed(pubsub, topic) as binding:
            await self.publish(pubsub, topic, *data)
            received = await self.read_all(binding, 250)
            await binding.settle(settled(received))
        assert self.in_order(received) == data
        assert len({message.id for message in received}) == 250

    async def test_metadata_comes_out_with_the_message(self, pubsub: PubSub, topic: str) -> None:
        if not self.keeps_metadata:
            pytest.skip("this system keeps no metadata of a message")
        async with self.subscribed(pubsub, topic) as binding:
            await pubsub.publish(topic, [publication(b"1", tenant="blue")])
            [message] = await self.read_all(binding, 1)
            await binding.settle(settled([message]))
        assert message.metadata["tenant"] == "blue"

    async def test_every_consumer_gets_all_messages(self, pubsub: PubSub, topic: str) -> None:
        async with (
            self.subscribed(pubsub, topic, consumer="shop") as one,
            self.subscribed(pubsub, topic, consumer="audit") as other,
        ):
            await self.publish(pubsub, topic, b"1", b"2")
            for binding in (one, other):
                received = await self.read_all(binding, 2)
                assert sorted(message.data or b"" for message in received) == [b"1", b"2"]
                await binding.settle(settled(received))

    async def test_subscribers_of_one_consumer_share_the_messages(self, pubsub: PubSub, topic: str) -> None:
        data = [b"%03d" % number for number in range(60)]
        found: list[Received] = []
        shared = asyncio.Event()

        async def drain(binding: InputBinding) -> None:
            while True:
                received = await binding.read(5)
                await binding.settle(settled(received))
                found.extend(received)
                if len(found) >= len(data):
                    shared.set()

        async with AsyncExitStack() as stack:
            bindings = [await stack.enter_async_context(self.subscribed(pubsub, topic)) for _ in range(2)]
            await self.publish(pubsub, topic, *data)
            readers = [asyncio.create_task(drain(binding)) for binding in bindings]
            try:
                async with asyncio.timeout(self.patience):
                    await shared.wait()
            finally:
                for reader in readers:
                    reader.cancel()
                await asyncio.wait(readers)
        assert sorted(message.data or b"" for message in found) == data

    async def test_topics_are_apart(self, pubsub: PubSub, topic: str) -> None:
        other = new_topic()
        async with self.subscribed(pubsub, topic) as here, self.subscribed(pubsub, other) as there:
            await self.publish(pubsub, topic, b"here")
            await self.publish(pubsub, other, b"there")
            for binding, expected in ((here, b"here"), (there, b"there")):
                received = await self.read_all(binding, 1)
                assert [message.data for message in received] == [expected]
                await binding.settle(settled(received))

    async def test_a_subscriber_that_comes_back_gets_what_came_meanwhile(self, pubsub: PubSub, topic: str) -> None:
        if not self.redelivers:
            pytest.skip("nothing is kept for a subscriber that is away")
        async with self.subscribed(pubsub, topic) as binding:
            await self.publish(pubsub, topic, b"1", b"2")
            first, _ = await self.read_all(binding, 2)
            await binding.settle(settled([first]))
        await self.publish(pubsub, topic, b"3")
        wanted = {b"2", b"3"} if first.data == b"1" else {b"1", b"3"}
        async with self.subscribed(pubsub, topic) as binding:
            while wanted:  # a log that is acknowledged up to an offset may give the first one again as well
                received = await self.read_all(binding, 1)
                wanted -= {message.data or b"" for message in received}
                await binding.settle(settled(received))

    async def test_settle_by_one_of_two_instances_leaves_the_rest_alone(self, topic: str) -> None:
        async with AsyncExitStack() as stack:
            pubsubs = [await self.make() for _ in range(2)]
            for pubsub in pubsubs:
                stack.push_async_callback(pubsub.close)
                await pubsub.open()
            binding = await stack.enter_async_context(self.subscribed(pubsubs[0], topic))
            if self.redelivers:  # else the two are worlds of their own
                await self.publish(pubsubs[1], topic, b"1")
                received = await self.read_all(binding, 1)
                assert [message.data for message in received] == [b"1"]
                await binding.settle(settled(received))


class _Topic:
    """A topic that opens its pub/sub beneath itself, as the engine does it for a pipeline."""

    def __init__(self, pubsub: PubSub, subscription: Subscription) -> None:
        self._pubsub = pubsub
        self._binding = pubsub.subscribe(subscription)

    @property
    def redelivery(self) -> Redelivery:
        return self._binding.redelivery

    async def open(self) -> None:
        await self._pubsub.open()
        await self._binding.open()

    async def read(self, limit: int) -> Sequence[Received]:
        return await self._binding.read(limit)

    async def settle(self, settled: Sequence[Settled]) -> None:
        await self._binding.settle(settled)

    async def close(self) -> None:
        await self._binding.close()
        await self._pubsub.close()


class TopicConformance(InputConformance):
    """The suite of inputs for the topics of a pub/sub."""

    @abstractmethod
    async def make_pubsub(self) -> PubSub:
        """A new instance on the same system, not opened."""

    @pytest.fixture(autouse=True)
    def _fresh_topic(self) -> None:
        self.topic = new_topic()
        self._produced = 0

    async def make(self) -> InputBinding:
        return _Topic(await self.make_pubsub(), Subscription(self.topic, "shop"))

    async def produce(self, count: int) -> Sequence[bytes | None]:
        data = [b"%d" % (self._produced + number) for number in range(count)]
        self._produced += count
        pubsub = await self.make_pubsub()
        await pubsub.open()
        try:
            assert await pubsub.publish(self.topic, [publication(one) for one in data]) == [None] * count
        finally:
            await pubsub.close()
        return data
