from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import DiscardPolicy

from bindings.contract import Outcome, Publication, PubSub
from engine.errors import NotReady, Permanent, Unavailable
from tests.bindings.conformance import settled
from tests.bindings.nats.project import add_stream, jetstream, make_pubsub, opened, read_all, reading
from tests.bindings.nats.server import Nats
from tests.bindings.topics import PubSubConformance, TopicConformance, new_topic, publication
from tests.proxy import Proxy


class TestJetStreamPubSub(PubSubConformance):
    keeps_metadata = True

    @pytest.fixture(autouse=True)
    def _server(self, url: str) -> None:
        self.url = url

    async def make(self) -> PubSub:
        return make_pubsub(self.url)


class TestJetStreamTopic(TopicConformance):
    @pytest.fixture(autouse=True)
    def _server(self, url: str) -> None:
        self.url = url

    async def make_pubsub(self) -> PubSub:
        return make_pubsub(self.url)


def cloudevent(id: str, source: str = "/shop", **more: Any) -> Publication:
    event = {"specversion": "1.0", "id": id, "source": source, "type": "order", **more}
    return publication(json.dumps(event).encode(), "application/cloudevents+json")


async def test_event_that_is_published_again_is_kept_once(url: str) -> None:
    topic, other = new_topic(), new_topic()
    async with opened(url) as pubsub:
        events = [cloudevent("1"), cloudevent("1"), cloudevent("2"), cloudevent("1", source="/audit")]
        assert await pubsub.publish(topic, events) == [None] * 4
        assert await pubsub.publish(other, events[:1]) == [None]  # the same stream, and another topic
        async with reading(pubsub, topic) as binding:
            messages = await read_all(binding, 3)
        async with reading(pubsub, other) as binding:
            [elsewhere] = await read_all(binding, 1)
    found = [(json.loads(one.data or b"")["source"], json.loads(one.data or b"")["id"]) for one in messages]
    assert found == [("/shop", "1"), ("/shop", "2"), ("/audit", "1")]
    assert elsewhere.data == events[0].data


async def test_data_that_is_no_event_is_kept_as_often_as_it_is_published(url: str) -> None:
    topic = new_topic()
    async with opened(url) as pubsub:
        await pubsub.publish(topic, [publication(b"1"), publication(b"1")])
        async with reading(pubsub, topic) as binding:
            assert [one.data for one in await read_all(binding, 2)] == [b"1", b"1"]


async def test_topic_without_a_stream_is_unavailable_with_what_to_do(url: str) -> None:
    async with opened(url) as pubsub:
        [error] = await pubsub.publish("no.stream.here", [publication(b"1")])
    assert type(error) is Unavailable
    assert str(error) == (
        "no stream of NATS takes the subject no.stream.here; make one: "
        "nats stream add NAME --subjects 'no.stream.here' --defaults"
    )


@pytest.mark.parametrize("topic", ["", "a.*", "a.>", "a b", "a..b", "a\r\nPUB b 0"])
async def test_topic_that_is_no_subject_fails(url: str, topic: str) -> None:
    async with opened(url) as pubsub:
        [error] = await pubsub.publish(topic, [publication(b"1")])
    assert type(error) is Permanent
    assert "is not a subject of NATS" in str(error)


@pytest.mark.parametrize("headers", [{"two words": "x"}, {"a": "x\r\nb: y"}, {"a:b": "x"}, {"": "x"}])
async def test_metadata_that_is_no_header_fails_alone(url: str, headers: dict[str, str]) -> None:
    async with opened(url) as pubsub:
        errors = await pubsub.publish(new_topic(), [publication(b"1"), publication(b"2", **headers), publication(b"3")])
    assert [type(error) for error in errors] == [type(None), Permanent, type(None)]


async def test_message_that_is_too_long_fails_alone(url: str) -> None:
    async with opened(url) as pubsub:
        errors = await pubsub.publish(new_topic(), [publication(b"1"), publication(bytes(2**20 + 1))])
    assert errors[0] is None
    assert type(errors[1]) is Permanent
    assert "1,048,576 bytes" in str(errors[1])


async def test_stream_that_takes_no_such_message_says_why(url: str) -> None:
    await add_stream(url, "SHORT", ["short.*"], max_msg_size=10)
    async with opened(url) as pubsub:
        [error] = await pubsub.publish("short.1", [publication(b"x" * 200)])
    assert type(error) is Permanent
    assert "message size exceeds maximum allowed" in str(error)


async def test_stream_that_is_full_is_tried_again(url: str) -> None:
    await add_stream(url, "FULL", ["full.*"], max_msgs=1, discard=DiscardPolicy.NEW)
    async with opened(url) as pubsub:
        taken, refused = await pubsub.publish("full.1", [publication(b"1"), publication(b"2")])
    assert taken is None
    assert "maximum messages exceeded" in str(refused)
    assert not isinstance(refused, Permanent)


async def test_headers_of_another_program_and_binary_events_are_understood(url: str) -> None:
    topic = new_topic()
    headers = {"Tenant": "bläu", "ce-id": "7", "ce-source": "/shop", "ce-type": "o%20k", "Content-Type": "text/plain"}
    async with jetstream(url) as stream:
        await stream.publish(topic, b"x", headers={**headers, "ce-specversion": "1.0"})
        await stream.publish(topic, b"", headers={"Nats-Msg-Id": "m2"})
        await stream.publish(topic, b"{}")
    async with opened(url) as pubsub, reading(pubsub, topic) as binding:
        first, second, third = await read_all(binding, 3)
    assert first.id == "7"
    assert {"source": "/shop", "type": "o k", "datacontenttype": "text/plain"}.items() <= dict(first.attributes).items()
    assert first.metadata["Tenant"] == "bläu"
    assert (second.id, second.data) == ("m2", b"")
    assert third.id == f"TOPICS:{third.metadata['sequence']}"
    assert third.metadata["topic"] == topic
    assert "datacontenttype" not in third.attributes


async def test_wildcard_reads_many_topics(url: str) -> None:
    await add_stream(url, "PLACES", ["place.>"])
    async with opened(url) as pubsub, reading(pubsub, "place.*.in") as binding:
        for topic in ("place.a.in", "place.b.out", "place.c.in"):
            await pubsub.publish(topic, [publication(topic.encode())])
        messages = await read_all(binding, 2)
    assert [one.metadata["topic"] for one in messages] == ["place.a.in", "place.c.in"]


async def test_many_calls_at_once_share_the_connection(url: str) -> None:
    topic = new_topic()
    batches = [[publication(b"%d-%d" % (a, b)) for b in range(50)] for a in range(20)]
    async with opened(url) as pubsub:
        outcomes = await asyncio.gather(*(pubsub.publish(topic, batch) for batch in batches))
        assert outcomes == [[None] * 50] * 20
        async with reading(pubsub, topic) as binding:
            messages = await read_all(binding, 1000)
    assert sorted(one.data or b"" for one in messages) == sorted(one.data for batch in batches for one in batch)


async def test_connection_that_is_cut_fails_what_is_not_confirmed_and_is_made_again(server: Nats, url: str) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    topic = new_topic()
    async with opened(f"nats://127.0.0.1:{proxy.port}") as pubsub:
        proxy.stall()
        waiting = asyncio.create_task(pubsub.publish(topic, [publication(b"1"), publication(b"2")]))
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done()
        proxy.cut()
        proxy.mend()
        errors = await waiting
        assert [type(error) for error in errors] == [Unavailable] * 2
        assert "the connection to NATS was lost" in str(errors[0])
        assert await pubsub.publish(topic, [publication(b"3")]) == [None]
    await proxy.stop()


async def test_connection_that_is_cut_while_much_is_written_is_made_again(server: Nats, url: str) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    topic, many = new_topic(), [publication(bytes(100_000)) for _ in range(80)]
    async with (
        opened(f"nats://127.0.0.1:{proxy.port}") as pubsub,
        reading(pubsub, topic) as binding,
        asyncio.timeout(9),
    ):
        proxy.stall()
        publishing = asyncio.ensure_future(pubsub.publish(topic, many))
        read = asyncio.ensure_future(binding.read(10))
        await asyncio.wait({publishing, read}, timeout=0.2)
        proxy.cut()
        proxy.mend()
        assert [type(error) for error in await publishing][-1] is Unavailable
        with pytest.raises(NotReady):
            await read
        await binding.close()
        await binding.open()
        assert await pubsub.publish(topic, [publication(b"3")]) == [None]
        while [one.data for one in await binding.read(100)][-1] != b"3":
            pass
    await proxy.stop()


async def test_server_that_restarts_loses_nothing(tmp_path: Path) -> None:
    server = Nats(tmp_path)
    server.start()
    await add_stream(server.url, "TOPICS", ["*"])
    async with opened(server.url) as pubsub, reading(pubsub, "orders") as binding:
        await pubsub.publish("orders", [publication(b"1"), publication(b"2")])
        first, second = await read_all(binding, 2)
        server.kill()
        [away] = await pubsub.publish("orders", [publication(b"3")])
        assert type(away) is Unavailable
        with pytest.raises(Unavailable, match="does not answer"):
            await binding.settle(settled([first]))
        server.start()
        await binding.settle(settled([first]))
        await binding.settle(settled([second], Outcome.RELEASED))
        await pubsub.publish("orders", [publication(b"3")])
        await binding.close()
        await binding.open()
        messages = await read_all(binding, 2)
        assert sorted(one.data or b"" for one in messages) == [b"2", b"3"]
        await binding.settle(settled(messages))
    server.kill()
