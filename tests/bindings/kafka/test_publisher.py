from __future__ import annotations

import asyncio
import threading

import pytest
from confluent_kafka import KafkaError, Producer

from bindings.kafka.message import Record
from bindings.kafka.metadata import KafkaMetadata
from bindings.kafka.publisher import Publisher
from engine.errors import NotReady, Permanent, Unavailable
from tests.bindings.fakes import eventually
from tests.bindings.kafka.server import Kafka
from tests.bindings.kafka.test_output import messages


def publisher(brokers: str, topic: str) -> Publisher:
    return Publisher(KafkaMetadata.model_validate({"brokers": brokers, "authType": "none"}), [topic])


async def test_producer_that_can_go_on_no_more_is_replaced(server: Kafka, topic: str) -> None:
    one = publisher(server.address, topic)
    await one.open()
    session = one._session
    assert session is not None
    assert await one.publish(topic, [Record(b"1")]) == [None]
    session._on_error(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "a hole", True))  # as librdkafka calls it
    assert await one.publish(topic, [Record(b"2")]) == [None]
    assert one._session is not session
    await one.close()
    found = await asyncio.to_thread(messages, server.address, topic)
    assert [message.value() for message in found] == [b"1", b"2"]


async def test_what_cannot_be_written_keeps_its_error_in_its_place(server: Kafka, topic: str) -> None:
    bad = Permanent("no")
    one = publisher(server.address, topic)
    await one.open()
    assert await one.publish(topic, [Record(b"1"), bad, Record(b"2")]) == [None, bad, None]
    assert await one.publish(topic, [bad]) == [bad]
    await one.close()


async def test_publish_while_no_broker_is_there_is_unavailable(topic: str) -> None:
    one = publisher("127.0.0.1:1", topic)
    with pytest.raises(NotReady):
        await one.open()
    await one.close()
    [error] = await one.publish(topic, [Record(b"1")])
    assert isinstance(error, Unavailable)
    await one.close()


async def test_producer_that_could_not_be_replaced_is_replaced_later(server: Kafka, topic: str) -> None:
    one = publisher(server.address, topic)
    await one.open()
    session = one._session
    assert session is not None
    session._on_error(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "a hole", True))  # as librdkafka calls it
    one._metadata = publisher("127.0.0.1:1", topic)._metadata  # no broker is there
    [error] = await one.publish(topic, [Record(b"1")])
    assert isinstance(error, Unavailable)
    one._metadata = publisher(server.address, topic)._metadata
    assert await one.publish(topic, [Record(b"1")]) == [None]
    await one.close()


async def test_what_is_handed_over_while_it_closes_has_an_error(server: Kafka, topic: str) -> None:
    one = publisher(server.address, topic)
    await one.open()
    session = one._session
    assert session is not None
    end, ended, handed = session.end, threading.Event(), threading.Event()

    def slowly(client: Producer) -> None:
        end(client)
        session._producer = client  # as a publisher has seen it just before
        ended.set()
        assert handed.wait(10)

    session.end = slowly  # type: ignore[method-assign]
    closing = asyncio.create_task(one.close())
    await asyncio.to_thread(ended.wait)
    publishing = asyncio.create_task(session.publish(topic, [Record(b"1")]))
    await eventually(lambda: bool(session._open))
    handed.set()
    [error] = await publishing
    assert isinstance(error, Unavailable)
    await closing
