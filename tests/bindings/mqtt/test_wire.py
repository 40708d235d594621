from __future__ import annotations

import asyncio

import pytest

from bindings.mqtt.packets import Delivery
from bindings.mqtt.wire import Login, Wire
from engine.errors import EventError, TimedOut, Unavailable
from tests.bindings.mqtt.scripted import ACCEPTED, broker, message, packet
from tests.bindings.mqtt.server import Mosquitto


async def connected(port: int, came: list[Delivery] | None = None) -> Wire:
    wire = Wire(lambda _, delivery: (came if came is not None else []).append(delivery), lambda _: None)
    await wire.connect("127.0.0.1", port, None, Login("test", clean_session=True))
    return wire


async def test_packets_are_read_however_they_are_cut() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        for byte in ACCEPTED + message(1, b"first") + message(2, b"x" * 200):
            writer.write(bytes([byte]))
            await writer.drain()
        await reader.read()

    came: list[Delivery] = []
    async with broker(script) as port:
        wire = await connected(port, came)
        async with asyncio.timeout(5):
            while len(came) < 2:  # noqa: ASYNC110 - the wire tells nobody else
                await asyncio.sleep(0)
        await wire.close()
    assert [(one.packet_id, one.payload) for one in came] == [(1, b"first"), (2, b"x" * 200)]


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (b"\xf0\x00", "the broker has sent a packet of type 15"),
        (b"\x20\x02\x00\x00", "the broker has sent a packet of type 2"),
        (b"\x40\x00", "the broker has sent a packet that ends too early"),
        (b"\x34\x05\x00\x01t\x00\x01", "the broker has sent a message of QoS 2"),
    ],
)
async def test_broker_that_does_not_speak_mqtt_ends_the_connection(sent: bytes, problem: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(ACCEPTED)
        await packet(reader)
        writer.write(sent)
        await reader.read()

    async with broker(script) as port:
        wire = await connected(port)
        [error] = await wire.publish([("t", b"", False)], qos=1)
        assert type(error) is Unavailable
        assert problem in str(error)
        [error] = await wire.publish([("t", b"", False)], qos=1)
        assert problem in str(error)
        await wire.close()


@pytest.mark.parametrize("answer", [b"", b"\x20\x01\x00", b"HTTP/1.1 400 Bad Request\r\n"])
async def test_broker_that_ends_the_connection_at_once_is_an_error_of_the_system(answer: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(answer)

    async with broker(script) as port:
        with pytest.raises(OSError, match=r"the connection was lost|the broker has sent"):
            await connected(port)


async def test_what_is_not_acknowledged_in_time_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async with broker(silent) as port:
        wire = await connected(port)
        monkeypatch.setattr("bindings.mqtt.wire._TIMEOUT", 0.01)
        assert [type(error) for error in await wire.publish([("t", b"", False)] * 2, qos=1)] == [TimedOut] * 2
        with pytest.raises(TimedOut):
            await wire.subscribe("t", 1)
        with pytest.raises(TimedOut):
            await wire.acknowledge([1])
        await wire.close()


async def test_broker_that_does_not_answer_a_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.mqtt.wire._TIMEOUT", 0.01)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with broker(script) as port:
        with pytest.raises(TimeoutError):
            await connected(port)


async def test_broker_that_is_silent_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.mqtt.wire._KEEP_ALIVE", 0.02)
    async with broker(silent) as port:
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        wire = Wire(lambda _, delivery: None, lambda _: lost.set_result(None))
        monkeypatch.setattr("bindings.mqtt.packets.connect", lambda *_: b"\x10\x00")
        await wire.connect("127.0.0.1", port, None, Login("test", clean_session=True))
        async with asyncio.timeout(5):
            await lost
        assert wire.problem == "the broker is silent"
        await wire.close()


async def test_wire_that_is_paused_waits_for_no_answer(server: Mosquitto) -> None:
    wire = await connected(server.port)
    wire.pause(True)
    await wire.acknowledge([])
    wire.pause(False)
    await wire.acknowledge([])
    await wire.close()
    wire.pause(True)  # of a connection that is over


async def test_more_messages_than_there_are_packet_ids_go_in_turns(server: Mosquitto) -> None:
    wire = await connected(server.port)
    wire._last_id = 65_000
    assert await wire.publish([("tests/many", b"", False)] * 2_500, qos=1) == [None] * 2_500
    assert wire._last_id == 2_500 - 535
    await wire.close()


async def test_packet_ids_that_are_used_up_are_said() -> None:
    async with broker(silent) as port:
        wire = await connected(port)
        wire._waiting.expect(range(1, 65_536))
        with pytest.raises(EventError, match="65,535 messages wait"):
            await wire.publish([("t", b"", False)], qos=1)
        await wire.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await packet(reader)
    writer.write(ACCEPTED)
    await reader.read()
