from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from bindings.aws.sqs import component
from bindings.contract import Operation, OutputBinding, Result
from engine.errors import Permanent, Unavailable
from tests.bindings.aws.server import Moto
from tests.bindings.aws.sqs.test_input import make_output
from tests.bindings.conformance import OutputConformance, all_results
from tests.bindings.fakes import operation
from tests.proxy import Proxy


def messages(moto: Moto, queue: str) -> list[Any]:
    """Takes all that can be read there, as another program reads it."""
    client = moto.client("sqs")
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    found: list[Any] = []
    while True:
        answer = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )
        if not answer.get("Messages"):
            return found
        for message in answer["Messages"]:  # or a FIFO queue gives no more of its group
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found += answer["Messages"]


async def invoke(output: OutputBinding, *operations: Operation) -> Sequence[object]:
    await output.open()
    try:
        return await output.invoke(operations)
    finally:
        await output.close()


class _Output(OutputConformance):
    component = component
    suffix: ClassVar[str] = ""
    fifo: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _queue(self, moto: Moto, unique: str) -> None:
        self.moto, self.queue = moto, unique + self.suffix
        moto.client("sqs").create_queue(QueueName=self.queue, Attributes=self.fifo)

    async def make(self) -> OutputBinding:
        return make_output(self.moto, self.queue)

    async def written(self) -> Sequence[bytes | None]:
        return [message["Body"].encode() for message in messages(self.moto, self.queue)]


class TestStandardQueue(_Output):
    keeps_order = False


class TestFifoQueue(_Output):
    suffix = ".fifo"
    fifo: ClassVar[Mapping[str, str]] = {"FifoQueue": "true"}


def make_queue(moto: Moto, name: str, **attributes: str) -> None:
    moto.client("sqs").create_queue(QueueName=name, Attributes=attributes)


async def test_message_holds_the_data_as_it_is_and_the_event_beside_it(moto: Moto, unique: str) -> None:
    make_queue(moto, unique)
    sent = operation("create", '{"a":"ü"}'.encode(), {"tenant": "acme", "empty": ""}, type="order", size=7)
    [result] = await invoke(make_output(moto, unique), sent)
    [message] = messages(moto, unique)
    assert message["Body"] == '{"a":"ü"}'
    assert message["MessageAttributes"].keys() == {"tenant", "cloudEvents"}
    assert message["MessageAttributes"]["tenant"]["StringValue"] == "acme"
    event = json.loads(message["MessageAttributes"]["cloudEvents"]["StringValue"])
    assert event == dict(sent.event.attributes)
    assert isinstance(result, Result)
    assert (result.metadata["messageId"], result.landed) == (message["MessageId"], f"queue {unique}")


async def test_many_small_and_some_large_messages_are_sent(moto: Moto, unique: str) -> None:
    """A request holds 10 messages and 256 KiB; larger ones, which SQS takes up to 1 MiB, go alone."""
    make_queue(moto, unique)
    sizes = [1] * 25 + [100_000] * 5 + [262_144, 900_000] + [1] * 3
    operations = [operation("create", b"x" * size) for size in sizes]
    assert all_results(await invoke(make_output(moto, unique), *operations))
    assert sorted(len(message["Body"]) for message in messages(moto, unique)) == sorted(sizes)


@pytest.mark.parametrize(
    ("data", "metadata", "why"),
    [
        (b"x" * 1_100_000, {}, "BatchRequestTooLong"),
        (b"x", {"delaySeconds": "901"}, "delaySeconds '901'"),
        (b"x", {"delaySeconds": "1m"}, "delaySeconds '1m'"),
        (b"x", {"aws.trace": "x"}, "'aws.trace' cannot be the name of a message attribute"),
        (b"x", {"a..b": "x"}, "'a..b' cannot be the name"),
        (b"x", {"x" * 257: "x"}, "cannot be the name"),
        (b"x", {f"a{number}": "x" for number in range(10)}, "at most 10 attributes, not 11"),
    ],
)
async def test_what_sqs_cannot_take_fails_alone(
    moto: Moto, unique: str, data: bytes, metadata: dict[str, str], why: str
) -> None:
    make_queue(moto, unique)
    bad = operation("create", data, metadata)
    before, failed, after = await invoke(make_output(moto, unique), operation("create"), bad, operation("create"))
    assert all_results([before, after])
    assert isinstance(failed, Permanent)
    assert why in str(failed)
    assert len(messages(moto, unique)) == 2


async def test_delayed_message_is_hidden_first(moto: Moto, unique: str) -> None:
    make_queue(moto, unique)
    output = make_output(moto, unique)
    assert all_results(await invoke(output, operation("create", metadata={"delaySeconds": "900"})))
    assert messages(moto, unique) == []
    names: Any = ["ApproximateNumberOfMessagesDelayed"]
    url = moto.client("sqs").get_queue_url(QueueName=unique)["QueueUrl"]
    assert moto.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] == {names[0]: "1"}


async def test_groups_of_a_fifo_queue(moto: Moto, unique: str) -> None:
    unique += ".fifo"
    make_queue(moto, unique, FifoQueue="true")
    grouped = operation("create", metadata={"messageGroupId": "blue", "messageDeduplicationId": "once"})
    plain = operation("create", id="näme " + "x" * 200)
    operations = [grouped, plain, grouped, plain]  # the event's id is the same when it is sent again
    assert all_results(await invoke(make_output(moto, unique, fifoMessageGroupID="rest"), *operations))
    found = [message["Attributes"] for message in messages(moto, unique)]
    assert [one["MessageGroupId"] for one in found] == ["blue", "rest"]
    assert found[0]["MessageDeduplicationId"] == "once"
    assert len(found[1]["MessageDeduplicationId"]) == 64


async def test_fifo_queue_is_one_group_when_none_is_named(moto: Moto, unique: str) -> None:
    unique += ".fifo"
    make_queue(moto, unique, FifoQueue="true")
    operations = [operation("create") for _ in range(35)]
    output = make_output(moto, unique)
    await output.open()
    for result in await asyncio.gather(*(output.invoke([one]) for one in operations)):
        assert all_results(result)
    await output.close()
    found = messages(moto, unique)
    assert {message["Attributes"]["MessageGroupId"] for message in found} == {unique}
    assert [message["Body"].encode() for message in found] == [one.event.data for one in operations]


async def test_output_goes_on_after_the_server_was_away(moto: Moto, unique: str) -> None:
    make_queue(moto, unique)
    proxy = Proxy(moto.port)
    await proxy.start()
    output = make_output(moto, unique, endpoint=f"http://127.0.0.1:{proxy.port}")
    await output.open()
    await proxy.stop()
    [away] = await output.invoke([operation("create")])
    assert isinstance(away, Unavailable)
    proxy = Proxy(moto.port, proxy.port)
    await proxy.start()
    assert all_results(await output.invoke([operation("create")]))
    await output.close()
    await proxy.stop()
    assert len(messages(moto, unique)) == 1


async def test_invoke_that_is_cancelled_leaves_an_output_that_works(moto: Moto, unique: str) -> None:
    make_queue(moto, unique)
    output = make_output(moto, unique)
    await output.open()
    for turns in range(3):
        invoking = asyncio.create_task(output.invoke([operation("create")]))
        for _ in range(turns):
            await asyncio.sleep(0)
        invoking.cancel()
        await asyncio.wait({invoking})
    assert all_results(await output.invoke([operation("create", b"last")]))
    await output.close()
    assert b"last" in [message["Body"].encode() for message in messages(moto, unique)]
