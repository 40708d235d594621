from __future__ import annotations

from typing import Any

import pytest

from bindings.contract import Publication, PubSub, Subscription
from bindings.kafka import pubsub_component
from engine.errors import DefinitionError, NotReady
from tests.bindings.conformance import settled
from tests.bindings.fakes import context
from tests.bindings.kafka.server import Kafka
from tests.bindings.kafka.test_input import opened
from tests.bindings.topics import PubSubConformance, TopicConformance


def make_pubsub(brokers: str, **more: Any) -> PubSub:
    assert pubsub_component.pubsub is not None
    metadata = pubsub_component.metadata.model_validate(
        {"brokers": brokers, "authType": "none", "heartbeatInterval": "200ms", **more}
    )
    return pubsub_component.pubsub(metadata, context("pubsub"))


class TestKafkaPubSub(PubSubConformance):
    keeps_metadata = True

    @pytest.fixture(autouse=True)
    def _server(self, server: Kafka) -> None:
        self.address = server.address

    async def make(self) -> PubSub:
        return make_pubsub(self.address)


class TestKafkaTopic(TopicConformance):
    patience = 10.0

    @pytest.fixture(autouse=True)
    def _server(self, server: Kafka) -> None:
        self.address = server.address

    async def make_pubsub(self) -> PubSub:
        return make_pubsub(self.address)


async def test_consumer_group_of_the_component_counts_before_the_consumer(server: Kafka, topic: str) -> None:
    async with opened(make_pubsub(server.address, consumerGroup=f"group of {topic}")) as pubsub:
        async with opened(pubsub.subscribe(Subscription(topic, "one"))) as binding:
            await pubsub.publish(topic, [Publication(b"1", "text/plain")])
            await binding.settle(settled(await binding.read(10)))
        await pubsub.publish(topic, [Publication(b"2", "text/plain")])
        async with opened(pubsub.subscribe(Subscription(topic, "other"))) as binding:
            assert [message.data for message in await binding.read(10)] == [b"2"]


async def test_schema_of_a_subscription_is_refused(server: Kafka, topic: str) -> None:
    with pytest.raises(DefinitionError, match="there is no schema registry"):
        make_pubsub(server.address).subscribe(Subscription(topic, "shop", {"valueSchemaType": "Avro"}))


async def test_server_that_is_not_there_is_not_ready() -> None:
    pubsub = make_pubsub("127.0.0.1:1")
    with pytest.raises(NotReady, match="does not answer"):
        await pubsub.open()
    await pubsub.close()
