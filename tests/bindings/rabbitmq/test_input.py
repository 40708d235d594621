from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import aio_pika
import pytest

from bindings.contract import InputBinding, Outcome, OutputBinding
from bindings.rabbitmq import component
from engine.errors import DefinitionError, NotReady
from engine.event import Attribute
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context, operation
from tests.bindings.rabbitmq.server import RabbitMq
from tests.proxy import Proxy


def metadata(url: str, queue: str, **more: Any) -> Any:
    return component.metadata.model_validate({"host": url, "queueName": queue, "durable": True, **more})


def make_input(url: str, queue: str, **more: Any) -> InputBinding:
    assert component.input is not None
    return component.input(metadata(url, queue, **more), context("orders"))


def make_output(url: str, queue: str, **more: Any) -> OutputBinding:
    assert component.output is not None
    return component.output(metadata(url, queue, **more), context("orders"))


@asynccontextmanager
async def reading(url: str, queue: str, **more: Any) -> AsyncIterator[InputBinding]:
    binding = make_input(url, queue, **more)
    await binding.open()
    yield binding
    await binding.close()


async def read_on(binding: InputBinding) -> None:
    """Reads until that fails."""
    while True:
        await binding.read(10)


async def publish(url: str, queue: str, *messages: aio_pika.Message) -> None:
    """As another program does it."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for message in messages:
            await channel.default_exchange.publish(message, queue)


class _Input(InputConformance):
    attributes: ClassVar[Mapping[str, Attribute]] = {"type": "order", "source": "/shop", "subject": "42", "size": 7}
    more: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _server(self, server: RabbitMq, queue: str) -> None:
        self.url, self.queue = server.url, queue

    async def make(self) -> InputBinding:
        return make_input(self.url, self.queue, **self.more)

    async def produce(self, count: int) -> Sequence[bytes | None]:
        operations = [operation("create", type="order", source="/shop", subject="42", size=7) for _ in range(count)]
        output = make_output(self.url, self.queue, **self.more)
        await output.open()
        await output.invoke(operations)
        await output.close()
        return [one.event.data for one in operations]


class TestClassicQueue(_Input):
    pass


class TestQuorumQueue(_Input):
    more: ClassVar[Mapping[str, Any]] = {"queueType": "quorum"}
    keeps_order = False  # a quorum queue puts what comes back at its end


async def test_message_of_another_program_keeps_its_headers_and_properties(server: RabbitMq, queue: str) -> None:
    async with reading(server.url, queue) as binding:
        await publish(
            server.url,
            queue,
            aio_pika.Message(
                b'{"id":1}',
                headers={"tenant": "acme", "retries": 3, "nested": {"a": 1}},
                content_type="application/json",
                message_id="m1",
                correlation_id="c1",
                priority=4,
            ),
        )
        [message] = await binding.read(10)
    assert (message.id, message.data, message.attempt) == ("m1", b'{"id":1}', 1)
    assert message.attributes["datacontenttype"] == "application/json"
    expected = {"tenant": "acme", "correlationId": "c1", "priority": "4", "queueName": queue, "messageId": "m1"}
    assert expected.items() <= message.metadata.items()


async def test_cloudevent_of_another_vendor_is_understood(server: RabbitMq, queue: str) -> None:
    headers: dict[str, Any] = {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": "7",
        "cloudEvents:source": "/shop",
        "cloudEvents:type": "order",
        "cloudEvents:urgent": True,
    }
    async with reading(server.url, queue) as binding:
        await publish(server.url, queue, aio_pika.Message(b"x", headers=headers, content_type="text/plain"))
        [message] = await binding.read(10)
    assert message.id == "7"
    assert dict(message.attributes) == {
        "specversion": "1.0",
        "source": "/shop",
        "type": "order",
        "urgent": True,
        "datacontenttype": "text/plain",
    }


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_065, 1_000_000])
async def test_body_of_any_size_comes_whole(server: RabbitMq, queue: str, size: int) -> None:
    """The first frame of a body ends where 131,072 bytes are full."""
    output = make_output(server.url, queue)
    await output.open()
    async with reading(server.url, queue) as binding:
        await output.invoke([operation("create", bytes([size % 251]) * size)])
        [message] = await binding.read(10)
    await output.close()
    assert message.data == bytes([size % 251]) * size


async def test_prefetch_is_as_many_as_are_read_ahead(server: RabbitMq, queue: str) -> None:
    output = make_output(server.url, queue)
    await output.open()
    await output.invoke([operation("create") for _ in range(7)])
    async with reading(server.url, queue, prefetchCount=3) as first, reading(server.url, queue) as second:
        assert len(await first.read(10)) == 3
        assert len(await second.read(10)) == 4
    await output.close()


async def test_quorum_queue_counts_the_attempts(server: RabbitMq, queue: str) -> None:
    async with reading(server.url, queue, queueType="quorum") as binding:
        await publish(server.url, queue, aio_pika.Message(b"x"))
        for attempt in (1, 2, 3):
            [message] = await binding.read(10)
            assert message.attempt == attempt
            await binding.settle(settled([message], Outcome.RELEASED))


async def test_connection_that_is_cut_is_not_ready_and_opens_again(server: RabbitMq, queue: str) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    url = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
    async with reading(url, queue) as binding:
        await publish(server.url, queue, aio_pika.Message(b"1", message_id="1"), aio_pika.Message(b"2", message_id="2"))
        first = await binding.read(1)
        proxy.cut()
        with pytest.raises(NotReady, match="the connection was lost"):
            await read_on(binding)
        await binding.settle(settled(first))  # too late: it comes again
        await binding.close()
        await binding.open()
        again = list(await binding.read(10))
        while len(again) < 2:
            again += await binding.read(10)
        assert [message.id for message in again] == ["1", "2"]
        assert again[0].attempt == 2
    await proxy.stop()


async def test_queue_that_is_deleted_is_not_ready(server: RabbitMq, queue: str) -> None:
    async with reading(server.url, queue) as binding:
        waiting = asyncio.create_task(binding.read(10))
        async with await aio_pika.connect(server.url) as connection:
            await (await connection.channel()).queue_delete(queue)
        with pytest.raises(NotReady, match="the queue was deleted"):
            await waiting


async def test_queue_with_other_properties_is_refused_with_what_to_do(server: RabbitMq, queue: str) -> None:
    async with reading(server.url, queue):
        with pytest.raises(DefinitionError, match="is there and is another one") as caught:
            await make_input(server.url, queue, durable=False).open()
    assert "durable" in caught.value.hint


async def test_wrong_password_is_refused_without_showing_it(server: RabbitMq, queue: str) -> None:
    with pytest.raises(DefinitionError, match="refused the login") as caught:
        await make_input(f"amqp://guest:s3cret@127.0.0.1:{server.port}/", queue).open()
    assert "s3cret" not in str(caught.value)


async def test_server_that_is_not_there_is_not_ready(queue: str) -> None:
    with pytest.raises(NotReady, match="does not answer"):
        await make_input("amqp://guest:s3cret@127.0.0.1:1/", queue).open()
