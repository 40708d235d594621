from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar

import pytest

from bindings.aws.sqs import component
from bindings.contract import Clock, InputBinding, Outcome, OutputBinding, Received
from engine.clock import VirtualClock
from engine.errors import NotReady, Unavailable
from engine.event import Attribute
from tests.bindings.aws.server import Moto
from tests.bindings.conformance import InputConformance, all_results, settled
from tests.bindings.fakes import context, eventually, operation
from tests.proxy import Proxy


def make_input(moto: Moto, queue: str, clock: Clock | None = None, **more: Any) -> InputBinding:
    assert component.input is not None
    wanted = {**moto.metadata(queueName=queue, messageWaitTimeSeconds=1), **more}
    return component.input(component.metadata.model_validate(wanted), context("orders", clock))


def make_output(moto: Moto, queue: str, **more: Any) -> OutputBinding:
    assert component.output is not None
    return component.output(component.metadata.model_validate({**moto.metadata(queueName=queue), **more}), context())


@asynccontextmanager
async def reading(moto: Moto, queue: str, clock: Clock | None = None, **more: Any) -> AsyncIterator[InputBinding]:
    binding = make_input(moto, queue, clock, **more)
    await binding.open()
    yield binding
    await binding.close()


class _Input(InputConformance):
    attributes: ClassVar[Mapping[str, Attribute]] = {"type": "order", "source": "/shop", "subject": "42", "size": 7}
    suffix: ClassVar[str] = ""
    fifo: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _queue(self, moto: Moto, unique: str) -> None:
        self.moto, self.queue = moto, unique + self.suffix
        moto.client("sqs").create_queue(QueueName=self.queue, Attributes=self.fifo)

    def group(self, number: int) -> Mapping[str, str]:
        return {}

    async def make(self) -> InputBinding:
        return make_input(self.moto, self.queue)

    async def produce(self, count: int) -> Sequence[bytes | None]:
        event: Mapping[str, Any] = {"type": "order", "source": "/shop", "subject": "42", "size": 7}
        operations = [operation("create", metadata=self.group(number), **event) for number in range(count)]
        output = make_output(self.moto, self.queue)
        await output.open()
        await output.invoke(operations)
        await output.close()
        return [one.event.data for one in operations]


class TestStandardQueue(_Input):
    keeps_order = False


class TestFifoQueue(_Input):
    suffix = ".fifo"
    fifo: ClassVar[Mapping[str, str]] = {"FifoQueue": "true"}

    def group(self, number: int) -> Mapping[str, str]:
        """One for each: the next of a group comes only when the one before it is settled."""
        return {"messageGroupId": f"group-{number}"}


def make_queue(moto: Moto, name: str, **attributes: str) -> str:
    """Its URL."""
    url: str = moto.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url


def send(moto: Moto, url: str, *bodies: str, **more: Any) -> None:
    """As another program does it."""
    for body in bodies:
        moto.client("sqs").send_message(QueueUrl=url, MessageBody=body, **more)


async def read_all(binding: InputBinding, count: int, limit: int = 100) -> list[Received]:
    found: list[Received] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += await binding.read(limit)
    return found


def messages_left(moto: Moto, queue: str) -> int:
    """In the queue, whether they can be seen or not."""
    client = moto.client("sqs")
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    return sum(map(int, client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def visible(moto: Moto, url: str) -> int:
    """How many messages another reader would get now."""
    names: Any = ["ApproximateNumberOfMessages"]
    return int(moto.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])


async def test_message_of_another_program_keeps_its_attributes(moto: Moto, unique: str) -> None:
    attributes = {
        "tenant": {"DataType": "String", "StringValue": "acme"},
        "retries": {"DataType": "Number", "StringValue": "3"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\xff\x00"},
        "contentType": {"DataType": "String", "StringValue": "application/json"},
    }
    url = make_queue(moto, unique)
    send(moto, url, '{"id":1}', MessageAttributes=attributes)
    async with reading(moto, unique) as binding:
        [message] = await binding.read(10)
    assert (message.data, message.attempt) == (b'{"id":1}', 1)
    assert message.attributes["datacontenttype"] == "application/json"
    expected = {"tenant": "acme", "retries": "3", "raw": "/wA=", "queueName": unique, "messageId": message.id}
    assert expected.items() <= message.metadata.items()
    assert message.metadata["approximateReceiveCount"] == "1"
    assert datetime.fromisoformat(str(message.attributes["time"])).timestamp() == pytest.approx(
        int(message.metadata["sentTimestamp"]) / 1000
    )
    assert "contentType" not in message.metadata


@pytest.mark.parametrize("text", ["{", "[1]", '{"ID": 5, "type": {}, "subject": "x"}'])
async def test_attributes_that_are_no_event_do_no_harm(moto: Moto, unique: str, text: str) -> None:
    url = make_queue(moto, unique)
    send(moto, url, "x", MessageAttributes={"cloudEvents": {"DataType": "String", "StringValue": text}})
    async with reading(moto, unique) as binding:
        [message] = await binding.read(10)
    assert message.id == message.metadata["messageId"]
    assert message.attributes.keys() <= {"time", "subject"}


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\xff\xfe", bytes(range(256)), "grün ✓ 😀 \t\r\n".encode(), b"x" * 700_000, "\ufffe".encode()],
)
async def test_data_of_any_kind_comes_back(moto: Moto, unique: str, data: bytes) -> None:
    make_queue(moto, unique)
    output = make_output(moto, unique)
    await output.open()
    assert all_results(await output.invoke([operation("create", data), operation("create", data)]))
    await output.close()
    async with reading(moto, unique) as binding:
        assert [message.data for message in await read_all(binding, 2)] == [data, data]


async def test_many_messages_are_read_by_requests_side_by_side(moto: Moto, unique: str) -> None:
    make_queue(moto, unique)
    output = make_output(moto, unique)
    await output.open()
    assert all_results(await output.invoke([operation("create") for _ in range(90)]))
    await output.close()
    async with reading(moto, unique) as binding:
        found = await read_all(binding, 90)
        await binding.settle(settled(found))
        assert len({message.id for message in found}) == 90
    assert messages_left(moto, unique) == 0


async def test_attempts_are_counted_over_instances(moto: Moto, unique: str) -> None:
    url = make_queue(moto, unique)
    send(moto, url, "x")
    for attempt in (1, 2, 3):
        async with reading(moto, unique) as binding:
            [message] = await binding.read(10)
            assert message.attempt == attempt


async def test_message_is_hidden_while_it_is_under_way(moto: Moto, unique: str) -> None:
    url, clock = make_queue(moto, unique), VirtualClock()
    send(moto, url, "x")
    async with reading(moto, unique, clock, messageVisibilityTimeout=2) as binding, reading(moto, unique) as other:
        [message] = await binding.read(10)
        start = time.monotonic()
        waiting = asyncio.create_task(other.read(10))
        while time.monotonic() < start + 2.5:  # the time of SQS, which no test can move
            await clock.advance(0.7)
            await asyncio.wait({waiting}, timeout=0.2)
        assert not waiting.done()
        await binding.settle(settled([message], Outcome.RELEASED))
        [again] = await waiting
        assert (again.id, again.attempt) == (message.id, 2)


async def test_message_of_an_engine_that_died_comes_again(moto: Moto, unique: str) -> None:
    url = make_queue(moto, unique)
    send(moto, url, "x")
    moto.client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=1)  # and nothing more
    async with reading(moto, unique) as binding:
        [message] = await binding.read(10)
        assert message.attempt == 2


async def test_read_that_is_cancelled_keeps_what_it_asked_for(moto: Moto, unique: str) -> None:
    url = make_queue(moto, unique)
    async with reading(moto, unique) as binding:
        waiting = asyncio.create_task(binding.read(10))
        await asyncio.wait({waiting}, timeout=0.05)
        waiting.cancel()
        await asyncio.wait({waiting})
        send(moto, url, "x")
        await eventually(lambda: visible(moto, url) == 0)  # the request took it
        [message] = await binding.read(10)
        assert (message.data, message.attempt) == (b"x", 1)


async def test_what_a_request_brings_after_the_close_is_given_back(moto: Moto, unique: str) -> None:
    url = make_queue(moto, unique)
    async with reading(moto, unique, messageVisibilityTimeout=600) as binding:
        waiting = asyncio.create_task(binding.read(10))
        await asyncio.wait({waiting}, timeout=0.05)
        waiting.cancel()
        await asyncio.wait({waiting})
    send(moto, url, "x")
    async with reading(moto, unique) as binding:
        [message] = await read_all(binding, 1)
        assert message.data == b"x"


async def test_group_of_a_fifo_queue_keeps_its_order_when_it_is_released(moto: Moto, unique: str) -> None:
    url = make_queue(moto, unique + ".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    send(moto, url, *"abc", MessageGroupId="blue")
    send(moto, url, *"xyz", MessageGroupId="red")
    async with reading(moto, unique + ".fifo") as binding:
        found = await read_all(binding, 6)
        assert [message.metadata["messageGroupId"] for message in found] == ["blue"] * 3 + ["red"] * 3
        await binding.settle(settled(found, Outcome.RELEASED))
        again = await read_all(binding, 6)
        assert [message.data for message in again] == [message.data for message in found]


async def test_connection_that_is_cut_is_not_ready_and_what_is_under_way_can_be_settled(
    moto: Moto, unique: str
) -> None:
    url = make_queue(moto, unique)
    send(moto, url, "1", "2")
    proxy = Proxy(moto.port)
    await proxy.start()
    async with reading(moto, unique, endpoint=f"http://127.0.0.1:{proxy.port}") as binding:
        first = await read_all(binding, 2)
        waiting = asyncio.create_task(binding.read(10))
        await asyncio.wait({waiting}, timeout=0.05)
        await proxy.stop()
        with pytest.raises(NotReady, match=rf"queue {unique}: .*[Cc]onnect"):
            await waiting
        with pytest.raises(Unavailable, match=r"[Cc]onnect"):
            await binding.settle(settled(first))
        await binding.close()
        with pytest.raises(NotReady):
            await binding.open()
        with pytest.raises(NotReady, match="is not open"):
            await binding.settle(settled(first))
        await binding.close()
        proxy = Proxy(moto.port, proxy.port)
        await proxy.start()
        await binding.open()
        await binding.settle(settled(first))
    assert messages_left(moto, unique) == 0
    await proxy.stop()


async def test_queue_that_is_not_there_is_waited_for(moto: Moto, unique: str) -> None:
    binding = make_input(moto, unique)
    with pytest.raises(NotReady, match="there is no queue"):
        await binding.open()
    await binding.close()
    make_queue(moto, unique)
    await binding.open()
    await binding.close()


async def test_queue_that_is_deleted_is_waited_for(moto: Moto, unique: str) -> None:
    url = make_queue(moto, unique)
    async with reading(moto, unique) as binding:
        moto.client("sqs").delete_queue(QueueUrl=url)
        with pytest.raises(NotReady, match="there is no queue"):
            await binding.read(10)


async def test_server_that_is_not_there_is_not_ready(moto: Moto) -> None:
    with pytest.raises(NotReady, match="queue orders"):
        await make_input(moto, "orders", endpoint="http://127.0.0.1:1").open()
