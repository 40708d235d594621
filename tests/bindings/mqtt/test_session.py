from __future__ import annotations

import asyncio

import pytest

from bindings.contract import Outcome
from bindings.mqtt import session
from tests.bindings.conformance import settled
from tests.bindings.mqtt.project import publish, read_all, reading
from tests.bindings.mqtt.scripted import ACCEPTED, RESUMED, broker, message, packet
from tests.bindings.mqtt.server import Mosquitto


async def test_packet_id_that_the_broker_uses_again_is_not_acknowledged_twice() -> None:
    acknowledged: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(ACCEPTED)
        _, subscription = await packet(reader)
        writer.write(b"\x90\x03" + subscription[:2] + b"\x01" + message(5, b"1"))
        while True:
            first, body = await packet(reader)
            if first == 0x40:
                acknowledged.append(body)
                if len(acknowledged) == 1:
                    writer.write(message(5, b"2"))
            elif first == 0xC0:
                writer.write(b"\xd0\x00")

    async with broker(script) as port, reading(f"tcp://127.0.0.1:{port}", "t") as reader:
        [one] = await reader.read(10)
        await reader.settle(settled([one]))
        [other] = await reader.read(10)
        await reader.settle(settled([one]))
        assert acknowledged == [b"\x00\x05"]
        await reader.settle(settled([other]))
        assert acknowledged == [b"\x00\x05"] * 2


async def test_message_that_comes_again_has_the_id_that_it_had() -> None:
    connections = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await packet(reader)
        if connections == 1:
            writer.write(ACCEPTED)
            _, subscription = await packet(reader)
            writer.write(b"\x90\x03" + subscription[:2] + b"\x01" + message(1, b"a") + message(2, b"b"))
        else:  # it goes on with the session: nothing is subscribed again
            writer.write(RESUMED + message(1, b"a", duplicate=True) + message(2, b"other") + message(3, b"c", True))
        await reader.read()

    async with broker(script) as port, reading(f"tcp://127.0.0.1:{port}", "t") as reader:
        first = await read_all(reader, 2)
        await reader.close()
        await reader.open()
        again = await read_all(reader, 3)
    assert [(one.data, one.attempt) for one in again] == [(b"a", 2), (b"other", 1), (b"c", 2)]
    assert again[0].id == first[0].id
    assert len({one.id for one in (*first, *again)}) == 4


async def test_message_that_is_given_back_twice_is_there_once(server: Mosquitto, topic: str) -> None:
    async with reading(server.url, topic) as reader:
        await publish(server.port, topic, b"1", b"2")
        messages = await read_all(reader, 2)
        for _ in range(2):
            await reader.settle(settled(messages, Outcome.RELEASED))
        again = await reader.read(10)
        assert [(one.data, one.attempt) for one in again] == [(b"1", 2), (b"2", 2)]
        await publish(server.port, topic, b"3")
        assert [one.data for one in await reader.read(10)] == [b"3"]


async def test_flood_is_taken_in_as_it_is_read(server: Mosquitto, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_MANY", 10)
    data = [b"%04d" % number + bytes(100_000) for number in range(100)]
    async with reading(server.url, topic) as reader:
        await publish(server.port, topic, *data)
        found: list[bytes | None] = []
        while len(found) < 100:
            messages = await reader.read(3)
            found += [one.data for one in messages]
            await reader.settle(settled(messages))
    assert found == data


async def test_client_id_that_nobody_uses_any_more_may_read_another_topic(server: Mosquitto, topic: str) -> None:
    async with reading(server.url, topic, consumerID=topic) as reader:
        await publish(server.port, topic, b"1")
        await reader.read(1)  # and is not acknowledged
    async with reading(server.url, f"{topic}-2", consumerID=topic) as reader:
        await publish(server.port, f"{topic}-2", b"2")
        assert b"2" in [one.data for one in await read_all(reader, 2)]
