from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from bindings.contract import OutputBinding, Result
from bindings.kafka import component
from engine.errors import NotReady, Permanent, Unavailable
from tests.bindings.conformance import OutputConformance, all_results
from tests.bindings.fakes import operation
from tests.bindings.kafka.server import Kafka
from tests.bindings.kafka.test_input import make_output, opened
from tests.proxy import Proxy


def messages(address: str, topic: str) -> list[Message]:
    """All that is in a topic, as another program sees it."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "other", "auto.offset.reset": "earliest"})
    found: list[Message] = []
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=10)[1] for n in partitions}
        consumer.assign([TopicPartition(topic, n, 0) for n in partitions])
        while len(found) < sum(ends.values()):
            found += consumer.consume(1000, 0.05)
    finally:
        consumer.close()
    return found


class TestKafkaOutput(OutputConformance):
    component = component

    @pytest.fixture(autouse=True)
    def _server(self, server: Kafka, topic: str) -> None:
        self.address, self.topic = server.address, topic

    async def make(self) -> OutputBinding:
        return make_output(self.address, self.topic)

    async def written(self) -> Sequence[bytes | None]:
        return [message.value() for message in await asyncio.to_thread(messages, self.address, self.topic)]


async def written(server: Kafka, topic: str, one: Any, **more: Any) -> Message:
    async with opened(make_output(server.address, topic, **more)) as output:
        [result] = await output.invoke([one])
        assert isinstance(result, Result), result
        assert result.landed == f"topic {topic}"
    [message] = await asyncio.to_thread(messages, server.address, topic)
    return message


async def test_message_is_a_cloudevent_with_the_metadata_as_headers(server: Kafka, topic: str) -> None:
    one = operation(
        "create", b'{"a":1}', {"tenant": "ä"}, type="order", datacontenttype="application/json", size=7, x=True
    )
    message = await written(server, topic, one)
    assert message.headers() == [
        ("content-type", b"application/json"),
        ("tenant", "ä".encode()),
        ("ce_specversion", b"1.0"),
        ("ce_id", one.event.id.encode()),
        ("ce_source", b"/tests"),
        ("ce_type", b"order"),
        ("ce_size", b"7"),
        ("ce_x", b"true"),
    ]
    assert (message.key(), message.value()) == (None, b'{"a":1}')


@pytest.mark.parametrize(
    ("wanted", "attributes", "key"),
    [
        ({"partitionKey": "a"}, {}, b"a"),
        ({"__key": "ü"}, {}, "ü".encode()),
        ({}, {"partitionkey": "b"}, b"b"),
        ({"partitionKey": "a"}, {"partitionkey": "b"}, b"a"),
    ],
)
async def test_key_is_of_the_metadata_or_of_the_event(
    server: Kafka, topic: str, wanted: dict[str, str], attributes: dict[str, str], key: bytes
) -> None:
    message = await written(server, topic, operation("create", b"x", wanted, **attributes))
    assert message.key() == key


async def test_headers_that_are_excluded_are_not_sent(server: Kafka, topic: str) -> None:
    one = operation("create", b"x", {"rawPayload": "1", "tenant": "t"})
    headers = dict((await written(server, topic, one, excludeHeaderMetaRegex="^raw")).headers() or [])
    assert "rawPayload" not in headers
    assert headers["tenant"] == b"t"


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_what_is_compressed_comes_whole(server: Kafka, topic: str, compression: str) -> None:
    message = await written(server, topic, operation("create", b"ab" * 5000), compression=compression)
    assert message.value() == b"ab" * 5000


@pytest.mark.parametrize("acks", ["local", "none"])
async def test_fewer_acks_are_allowed(server: Kafka, topic: str, acks: str) -> None:
    message = await written(server, topic, operation("create", b"x"), producerRequiredAcks=acks)
    assert message.value() == b"x"


@pytest.mark.parametrize("data", [b"", None, bytes(range(256)), b"x" * 900_000])
async def test_any_data_comes_as_it_is(server: Kafka, topic: str, data: bytes | None) -> None:
    one = operation("create", data)
    one.event.data = data
    assert (await written(server, topic, one)).value() == data


@pytest.mark.parametrize(
    ("wanted", "data", "problem"),
    [
        ({"partitionNumber": "one"}, b"", "partitionNumber 'one' is not the number of a partition"),
        ({"partitionNumber": "-1"}, b"", "partitionNumber '-1'"),
        ({"partitionNumber": "7"}, b"", "partition"),
        ({}, b"x" * 3000, "[Mm]essage size too large"),
    ],
)
async def test_operation_that_cannot_be_written_fails_alone(
    server: Kafka, topic: str, wanted: dict[str, str], data: bytes, problem: str
) -> None:
    async with opened(make_output(server.address, topic, maxMessageBytes=2048)) as output:
        good, bad, also_good = [operation("create"), operation("create", data, wanted), operation("create")]
        one, error, other = await output.invoke([good, bad, also_good])
    assert all_results([one, other])
    with pytest.raises(Permanent, match=problem):
        raise error


async def test_many_invokes_at_once_are_under_way_together(server: Kafka, topic: str) -> None:
    async with opened(make_output(server.address, topic)) as output:
        batches = [[operation("create") for _ in range(50)] for _ in range(20)]
        results = await asyncio.gather(*(output.invoke(batch) for batch in batches))
    assert all(all_results(batch) for batch in results)
    found = [message.value() for message in await asyncio.to_thread(messages, server.address, topic)]
    assert sorted(found, key=repr) == sorted((one.event.data for batch in batches for one in batch), key=repr)


async def test_server_that_is_not_there_is_not_ready(topic: str) -> None:
    output = make_output("127.0.0.1:1", topic)
    with pytest.raises(NotReady, match=r"Kafka at 127\.0\.0\.1:1 does not answer: .*Connection refused"):
        await output.open()
    await output.close()


async def test_connection_that_is_cut_is_made_again_and_loses_nothing(server: Kafka, topic: str) -> None:
    proxy = Proxy(server.proxied_port, server.proxy_port)
    await proxy.start()
    async with opened(make_output(f"127.0.0.1:{proxy.port}", topic)) as output:
        proxy.stall()
        waiting = asyncio.create_task(output.invoke([operation("create", b"1")]))
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done()
        proxy.cut()
        proxy.mend()
        assert all_results(await waiting)
        assert all_results(await output.invoke([operation("create", b"2")]))
    await proxy.stop()
    found = [message.value() for message in await asyncio.to_thread(messages, server.address, topic)]
    assert found == [b"1", b"2"]  # an idempotent producer writes a message once, however often it sends it


async def test_message_that_is_not_confirmed_in_time_is_unavailable(server: Kafka, topic: str) -> None:
    proxy = Proxy(server.proxied_port, server.proxy_port)
    await proxy.start()
    async with opened(make_output(f"127.0.0.1:{proxy.port}", topic, writeTimeout="300ms")) as output:
        proxy.stall()
        [error] = await output.invoke([operation("create")])
        assert isinstance(error, Unavailable)
        assert "timed out" in str(error).lower()
        proxy.mend()
        results = [error]
        while not all_results(results):
            results = list(await output.invoke([operation("create")]))
    await proxy.stop()


async def test_close_ends_what_is_under_way(server: Kafka, topic: str) -> None:
    proxy = Proxy(server.proxied_port, server.proxy_port)
    await proxy.start()
    output = make_output(f"127.0.0.1:{proxy.port}", topic)
    await output.open()
    proxy.stall()
    waiting = asyncio.create_task(output.invoke([operation("create")]))
    await asyncio.wait({waiting}, timeout=0.05)
    await output.close()
    [error] = await waiting
    assert isinstance(error, Unavailable)
    await proxy.stop()
