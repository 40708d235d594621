from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aio_pika
import pytest

from bindings.contract import OutputBinding, Result
from bindings.rabbitmq import component
from engine.errors import Permanent, Unavailable
from tests.bindings.conformance import OutputConformance
from tests.bindings.fakes import operation
from tests.bindings.rabbitmq.server import RabbitMq
from tests.bindings.rabbitmq.test_input import make_output, reading
from tests.proxy import Proxy


async def messages(url: str, queue: str) -> list[aio_pika.abc.AbstractIncomingMessage]:
    """What is in a queue, as another program sees it."""
    found = []
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        there = await channel.get_queue(queue)
        while (message := await there.get(fail=False, no_ack=True)) is not None:
            found.append(message)
    return found


class TestRabbitMqOutput(OutputConformance):
    component = component

    @pytest.fixture(autouse=True)
    def _server(self, server: RabbitMq, queue: str) -> None:
        self.url, self.queue = server.url, queue

    async def make(self) -> OutputBinding:
        return make_output(self.url, self.queue)

    async def written(self) -> Sequence[bytes | None]:
        return [message.body for message in await messages(self.url, self.queue)]


async def test_message_is_a_cloudevent_that_survives_the_server(server: RabbitMq, queue: str) -> None:
    output = make_output(server.url, queue)
    await output.open()
    wanted = {"ttlInSeconds": "60", "priority": "3", "tenant": "acme"}
    one = operation("create", b'{"a":1}', wanted, type="order", time="2026-11-24T08:00:00.000Z", urgent=True, size=7)
    [result] = await output.invoke([one])
    assert isinstance(result, Result)
    assert result.landed == f"queue {queue}"
    await output.close()
    [message] = await messages(server.url, queue)
    assert message.headers == {
        "cloudEvents_specversion": "1.0",
        "cloudEvents_id": one.event.id,
        "cloudEvents_source": "/tests",
        "cloudEvents_type": "order",
        "cloudEvents_time": "2026-11-24T08:00:00.000Z",
        "cloudEvents_urgent": True,
        "cloudEvents_size": 7,
        "tenant": "acme",
    }
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert (message.message_id, message.priority, message.content_type) == (one.event.id, 3, "application/json")
    assert message.expiration == 60
    assert message.timestamp is not None
    assert message.timestamp.isoformat() == "2026-11-24T08:00:00+00:00"


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"priority": "high"}, "priority 'high' is not a number from 0 to 255"),
        ({"priority": "256"}, "priority '256'"),
        ({"ttlInSeconds": "soon"}, "'soon' is not a duration"),
        ({"k" * 256: "v"}, "more than 255 bytes"),
    ],
)
async def test_operation_that_cannot_be_written_fails_alone(
    server: RabbitMq, queue: str, wanted: dict[str, str], problem: str
) -> None:
    output = make_output(server.url, queue)
    await output.open()
    bad, good = await output.invoke([operation("create", metadata=wanted), operation("create")])
    await output.close()
    assert isinstance(bad, Permanent)
    assert problem in str(bad)
    assert isinstance(good, Result)


async def test_queue_that_is_deleted_fails_the_message_and_is_made_again_for_the_next(
    server: RabbitMq, queue: str
) -> None:
    output = make_output(server.url, queue)
    await output.open()
    async with await aio_pika.connect(server.url) as connection:
        await (await connection.channel()).queue_delete(queue)
    [lost] = await output.invoke([operation("create")])
    assert isinstance(lost, Unavailable)
    assert "NO_ROUTE" in str(lost)
    [result] = await output.invoke([operation("create")])
    assert isinstance(result, Result)
    await output.close()
    assert len(await messages(server.url, queue)) == 1


async def test_connection_that_is_cut_fails_what_is_not_confirmed_and_is_made_again(
    server: RabbitMq, queue: str
) -> None:
    proxy = Proxy(server.port)
    await proxy.start()
    output = make_output(f"amqp://guest:guest@127.0.0.1:{proxy.port}/", queue)
    await output.open()
    proxy.stall()
    three = [operation("create") for _ in range(3)]
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(output.invoke(three))
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done()
        proxy.cut()
        proxy.mend()
    lost = waiting.result()
    assert [type(error) for error in lost] == [Unavailable] * 3
    [result] = await output.invoke([operation("create")])
    assert isinstance(result, Result)
    await output.close()
    await proxy.stop()


async def test_server_that_is_away_makes_unavailable_and_is_found_when_it_is_back(
    tmp_path_factory: pytest.TempPathFactory, queue: str
) -> None:
    server = RabbitMq(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    output = make_output(server.url, queue)
    await output.open()
    server.kill()
    [away] = await output.invoke([operation("create")])
    assert isinstance(away, Unavailable)
    server.start()
    [result] = await output.invoke([operation("create")])
    assert isinstance(result, Result)
    async with reading(server.url, queue) as binding:
        assert len(await binding.read(10)) == 1
    await output.close()
    server.stop()


async def test_many_invokes_at_once_share_the_connection(server: RabbitMq, queue: str) -> None:
    output = make_output(server.url, queue)
    await output.open()
    batches = [[operation("create") for _ in range(50)] for _ in range(20)]
    results = await asyncio.gather(*(output.invoke(batch) for batch in batches))
    await output.close()
    assert all(isinstance(result, Result) for batch in results for result in batch)
    written = [message.body for message in await messages(server.url, queue)]
    assert sorted(written) == sorted(one.event.data or b"" for batch in batches for one in batch)


async def test_message_with_a_ttl_is_gone_after_it(server: RabbitMq, queue: str) -> None:
    output = make_output(server.url, queue)
    await output.open()
    await output.invoke([operation("create", b"short", {"ttlInSeconds": "0.001"})])
    await output.invoke([operation("create", b"long")])
    await output.close()
    async with reading(server.url, queue) as binding:
        assert [message.data for message in await binding.read(10)] == [b"long"]
