from __future__ import annotations

import asyncio

from bindings.contract import Publication, PubSub, Subscription
from bindings.memory.pubsub import MemoryPubSub
from bindings.metadata import PubSubMetadata
from tests.bindings.fakes import context
from tests.bindings.topics import PubSubConformance, TopicConformance


def pubsub(name: str = "pubsub") -> PubSub:
    return MemoryPubSub(PubSubMetadata(), context(name))


class TestMemoryPubSub(PubSubConformance):
    redelivers = False
    keeps_metadata = True

    async def make(self) -> PubSub:
        return pubsub()


class TestMemoryTopic(TopicConformance):
    redelivers = False

    async def make_pubsub(self) -> PubSub:
        return pubsub()

    async def assert_not_given_again(self, ids: object) -> None:
        """The topic ends with its last subscriber, so that there is nothing to be given again."""


async def test_components_of_other_names_have_other_topics() -> None:
    reader = pubsub("one").subscribe(Subscription("orders", "shop"))
    await reader.open()
    await pubsub("other").publish("orders", [Publication(b"other", "text/plain")])
    await pubsub("one").publish("orders", [Publication(b"one", "text/plain")])
    assert [message.data for message in await reader.read(10)] == [b"one"]


async def test_publish_does_not_wait_for_a_subscriber_that_has_left() -> None:
    reader = pubsub().subscribe(Subscription("orders", "shop"))
    await reader.open()
    publishing = asyncio.create_task(pubsub().publish("orders", [Publication(b"", "text/plain")] * 10_001))
    await asyncio.wait({publishing}, timeout=0.05)
    assert not publishing.done()  # there is no room for the last one
    await reader.close()
    async with asyncio.timeout(5):
        assert len(await publishing) == 10_001
