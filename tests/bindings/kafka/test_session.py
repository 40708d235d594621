from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from bindings.contract import InputBinding
from engine.errors import NotReady
from tests.bindings.fakes import eventually, operation
from tests.bindings.kafka.server import Kafka
from tests.bindings.kafka.test_input import make_input, make_output, opened
from tests.bindings.kafka.test_member import make_topic


async def test_server_that_is_not_there_is_not_ready(topic: str) -> None:
    binding = make_input("127.0.0.1:1", topic)
    with pytest.raises(NotReady, match=r"Kafka at 127\.0\.0\.1:1 does not answer: .*Connection refused"):
        await binding.open()
    await binding.close()


async def test_topic_that_nobody_makes_is_not_ready_and_says_so(fragile: Kafka, topic: str) -> None:
    for binding in (make_input(fragile.address, topic), make_output(fragile.address, topic)):
        with pytest.raises(NotReady, match=f"topic {topic} does not exist at {fragile.address}"):
            await binding.open()
        await binding.close()


async def test_server_that_stays_away_is_not_ready(fragile: Kafka, topic: str) -> None:
    make_topic(fragile, topic, 1)
    async with opened(make_input(fragile.address, topic, sessionTimeout="1s", heartbeatInterval="200ms")) as binding:
        await asyncio.to_thread(fragile.kill)
        with pytest.raises(NotReady, match="does not answer"):
            await read_all(binding, 1)


async def test_open_that_is_cancelled_leaves_nothing_behind(server: Kafka, topic: str) -> None:
    binding = make_input(server.address, topic)
    opening = asyncio.create_task(binding.open())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait({opening})
    await binding.close()
    await eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("kafka ")])


async def test_several_topics_are_read_by_one_input(server: Kafka, topic: str) -> None:
    topics = [f"{topic}-{number}" for number in range(3)]
    async with opened(make_input(server.address, ", ".join(topics))) as binding:
        for name in topics:
            async with opened(make_output(server.address, name)) as output:
                await output.invoke([operation("create", name.encode())])
        found = await read_all(binding, 3)
    assert set(found) == {name.encode() for name in topics}


async def test_client_says_nothing_by_itself(
    topic: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        binding = make_input("127.0.0.1:1", topic)
        with pytest.raises(NotReady):
            await binding.open()
        await binding.close()
    assert capfd.readouterr().err == ""
    assert "jackfield.kafka" not in {record.name for record in caplog.records}


async def read_all(binding: InputBinding, count: int) -> list[bytes | None]:
    found: list[bytes | None] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += [message.data for message in await binding.read(100)]
    return found
