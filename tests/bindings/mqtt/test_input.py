from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aiomqtt
import pytest

from bindings.contract import InputBinding, Outcome
from engine.errors import DefinitionError, NotReady
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import operation
from tests.bindings.mqtt.project import make_input, publish, read_all, reading, writing
from tests.bindings.mqtt.server import Mosquitto
from tests.proxy import Proxy


class TestMqttInput(InputConformance):
    @pytest.fixture(autouse=True)
    async def _server(self, server: Mosquitto, topic: str) -> None:
        self.url, self.topic = server.url, topic

    async def make(self) -> InputBinding:
        return make_input(self.url, self.topic)

    async def produce(self, count: int) -> Sequence[bytes | None]:
        operations = [operation("create") for _ in range(count)]
        async with writing(self.url, self.topic) as output:
            await output.invoke(operations)
        return [one.event.data for one in operations]


EVENT = b'{"specversion":"1.0","id":"7","source":"/shop","type":"order","data":{"n":1}}'


async def read_on(reader: InputBinding) -> None:
    """Reads until that fails."""
    while True:
        await reader.read(10)


async def test_event_in_structured_mode_is_understood(server: Mosquitto, topic: str) -> None:
    async with reading(server.url, topic) as reader:
        await publish(server.port, topic, EVENT, b'{"n":1}', b"\x00\xff", b"")
        event, data, binary, nothing = await read_all(reader, 4)
    assert (event.id, event.data) == ("7", EVENT)
    assert event.attributes == {"datacontenttype": "application/cloudevents+json"}
    assert (data.data, data.attributes) == (b'{"n":1}', {})
    assert (binary.data, nothing.data) == (b"\x00\xff", b"")
    assert event.metadata == {"topic": topic, "qos": "1", "retained": "false", "deliveryCount": "1"}


async def test_wildcards_read_many_topics(server: Mosquitto, topic: str) -> None:
    async with reading(server.url, f"{topic}/+/in/#") as reader:
        for name in ("ä/in", "b/out", "c/in/d"):
            await publish(server.port, f"{topic}/{name}", b"x")
        messages = await read_all(reader, 2)
    assert [one.metadata["topic"] for one in messages] == [f"{topic}/ä/in", f"{topic}/c/in/d"]


async def test_message_of_qos_0_is_read_and_never_comes_again(server: Mosquitto, topic: str) -> None:
    async with reading(server.url, topic) as reader:
        await publish(server.port, topic, b"0", qos=0)
        [message] = await reader.read(10)
        assert (message.data, message.metadata["qos"]) == (b"0", "0")
        await reader.settle(settled([message], Outcome.RELEASED))
        [again] = await reader.read(10)
        assert (again.data, again.attempt) == (b"0", 2)
        await reader.settle(settled([again]))


async def test_retained_message_comes_once_to_one_session(server: Mosquitto, topic: str) -> None:
    await publish(server.port, topic, b"kept", retain=True)
    async with reading(server.url, topic) as reader:
        [message] = await reader.read(10)
        assert (message.data, message.metadata["retained"]) == (b"kept", "true")
        await reader.settle(settled([message]))
    await publish(server.port, topic, b"next")
    async with reading(server.url, topic) as reader:
        [first] = await reader.read(1)
        assert first.data in (b"kept", b"next")  # another run subscribes anew
        await reader.close()
        await reader.open()
        await publish(server.port, topic, b"last")
        left = await read_all(reader, 2)
        assert [one.data for one in left][-1] == b"last"


async def test_session_that_is_forgotten_loses_what_is_not_settled(server: Mosquitto, topic: str) -> None:
    binding = make_input(server.url, topic, cleanSession=True)
    assert binding.redelivery == "none"
    async with reading(server.url, topic, cleanSession=True) as reader:
        await publish(server.port, topic, b"1", b"2")
        await read_all(reader, 2)
    async with reading(server.url, topic, cleanSession=True) as reader:
        await publish(server.port, topic, b"3")
        assert [one.data for one in await reader.read(10)] == [b"3"]


async def test_shared_subscription_gives_each_message_to_one(server: Mosquitto, topic: str) -> None:
    """A member that is away gets its share when it is back."""
    shared, data = f"$share/workers/{topic}", [b"%d" % number for number in range(10)]
    async with reading(server.url, shared, consumerID=f"{topic}-a") as one:
        async with reading(server.url, shared, consumerID=f"{topic}-b"):
            pass
        await publish(server.port, topic, *data)
        found = await read_all(one, 5)
        async with reading(server.url, shared, consumerID=f"{topic}-b") as other:
            found += await read_all(other, 5)
    assert sorted(message.data or b"" for message in found) == data


async def test_readers_of_one_session_in_one_engine_share_its_messages(server: Mosquitto, topic: str) -> None:
    async with reading(server.url, topic) as one:
        async with reading(server.url, topic) as other:
            await publish(server.port, topic, b"1", b"2", b"3")
            [first] = await one.read(1)
            [second] = await other.read(1)
            await one.settle(settled([first]))
        again = await read_all(one, 2)
        assert [(message.data, message.attempt) for message in again] == [(second.data, 2), (b"3", 1)]
        assert again[0].id == second.id
        await one.settle(settled(again))


async def test_client_id_is_for_one_topic(server: Mosquitto, topic: str) -> None:
    async with reading(server.url, topic, consumerID=topic):
        with pytest.raises(DefinitionError, match=f"{topic}-consumer reads {topic} already"):
            await make_input(server.url, f"{topic}/other", consumerID=topic).open()
    async with reading(server.url, f"{topic}/other", consumerID=topic):
        pass


async def test_program_with_the_same_client_id_is_told_of(server: Mosquitto, topic: str) -> None:
    other = aiomqtt.Client("127.0.0.1", server.port, identifier=f"{topic}-consumer")
    async with reading(server.url, topic, consumerID=topic) as reader, other:
        with pytest.raises(NotReady, match=f"another program uses the client id {topic}-consumer"):
            await read_on(reader)


async def test_connection_that_is_cut_is_not_ready_and_loses_nothing(server: Mosquitto, topic: str) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    async with reading(f"tcp://127.0.0.1:{proxy.port}", topic) as reader:
        await publish(server.port, topic, b"1", b"2", b"3")
        first, *_ = await read_all(reader, 3)
        proxy.cut()
        with pytest.raises(NotReady, match="the connection was lost"):
            await read_on(reader)
        await reader.settle(settled([first]))  # too late: it comes again
        await reader.close()
        await reader.settle(settled([first]))
        await reader.open()
        again = await read_all(reader, 3)
        assert [(one.data, one.attempt) for one in again] == [(b"1", 2), (b"2", 2), (b"3", 2)]
        assert again[0].id == first.id
        await reader.settle(settled([first]))  # of the former connection
        await reader.settle(settled(again[1:]))
        await reader.close()
        await reader.open()
        assert [one.data for one in await reader.read(10)] == [b"1"]
    await proxy.stop()


async def test_broker_that_restarts_loses_nothing(tmp_path: Path) -> None:
    server = Mosquitto(tmp_path)
    server.start()
    async with reading(server.url, "orders") as reader:
        await publish(server.port, "orders", b"1", b"2")
        first, _ = await read_all(reader, 2)
        await reader.settle(settled([first]))
        server.stop()
        with pytest.raises(NotReady):
            await read_on(reader)
        await reader.close()
        with pytest.raises(NotReady, match="does not answer"):
            await reader.open()
        server.start()
        await reader.open()
        assert [(one.data, one.attempt) for one in await reader.read(10)] == [(b"2", 2)]
    server.stop()


async def test_more_than_the_broker_sends_at_once_comes_in_turns(tmp_path: Path) -> None:
    server = Mosquitto(tmp_path, "allow_anonymous true\nmax_inflight_messages 20")
    server.start()
    data = [b"%d" % number for number in range(100)]
    found: list[bytes | None] = []
    async with reading(server.url, "orders") as reader:
        await publish(server.port, "orders", *data)
        while len(found) < 100:
            messages = await reader.read(100)
            found += [one.data for one in messages]
            await reader.settle(settled(messages))
    assert found == data
    server.stop()
