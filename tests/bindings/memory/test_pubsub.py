from __future__ import annotations

import json

import pytest

from bindings.contract import Publication, PubSub
from bindings.memory.input import MemoryInput
from bindings.memory.metadata import MemoryMetadata
from bindings.memory.pubsub import MemoryPubSub
from bindings.metadata import PubSubMetadata
from tests.bindings.fakes import context
from tests.bindings.topics import PubSubConformance, TopicConformance

EVENTS = "application/cloudevents+json"


class TestMemoryPubSub(PubSubConformance):
    redelivers = False
    keeps_metadata = True

    async def make(self) -> PubSub:
        return MemoryPubSub(PubSubMetadata(), context("pubsub"))


class TestMemoryTopic(TopicConformance):
    async def make_pubsub(self) -> PubSub:
        return self.pubsub

    def setup_method(self) -> None:
        self.pubsub = MemoryPubSub(PubSubMetadata(), context("pubsub"))


async def published(publication: Publication) -> tuple[bytes | None, dict[str, object]]:
    """What a pipeline reads of it."""
    reader = MemoryInput(MemoryMetadata(queue_name="pubsub/orders/new"), context())
    await reader.open()
    assert await MemoryPubSub(PubSubMetadata(), context("pubsub")).publish("orders/new", [publication]) == [None]
    (message,) = await reader.read(10)
    return message.data, dict(message.attributes)


@pytest.mark.parametrize(
    ("content", "data"),
    [
        ({"data": {"n": 1}, "datacontenttype": "application/json"}, b'{"n":1}'),
        ({"data": "text", "datacontenttype": "application/json"}, b'"text"'),
        ({"data": "text", "datacontenttype": "text/plain"}, b"text"),
        ({"data_base64": "AAE=", "datacontenttype": "application/octet-stream"}, b"\x00\x01"),
        ({}, None),
    ],
)
async def test_event_of_a_topic_comes_out_of_its_queue(content: dict[str, object], data: bytes | None) -> None:
    event = {"id": "1", "specversion": "1.0", "source": "shop", "type": "t", **content}
    found, attributes = await published(Publication(json.dumps(event).encode(), EVENTS))
    assert found == data
    assert (attributes["id"], attributes["source"]) == ("1", "shop")


async def test_raw_message_is_data_as_it_is() -> None:
    found, attributes = await published(Publication(b"\x00", "image/png"))
    assert (found, attributes) == (b"\x00", {"datacontenttype": "image/png"})


async def test_message_that_nobody_reads_goes_to_nobody() -> None:
    pubsub = MemoryPubSub(PubSubMetadata(), context("alone"))
    assert await pubsub.publish("orders", [Publication(b"1", "text/plain")]) == [None]
