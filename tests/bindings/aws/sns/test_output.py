from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from bindings.aws.sns import component
from bindings.contract import OutputBinding, Result
from engine.errors import NotReady, Permanent
from tests.bindings.aws.server import Moto
from tests.bindings.aws.sqs.test_output import invoke, messages
from tests.bindings.conformance import OutputConformance, all_results
from tests.bindings.fakes import context, operation


def make_output(moto: Moto, arn: str, **more: Any) -> OutputBinding:
    assert component.output is not None
    return component.output(component.metadata.model_validate(moto.metadata(topicArn=arn, **more)), context())


def make_topic(moto: Moto, name: str) -> str:
    """Its ARN; what is published there can be read in the queue of that name."""
    fifo, queues = name.endswith(".fifo"), moto.client("sqs")
    url = queues.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
    topics = moto.client("sns")
    topic: str = topics.create_topic(Name=name, Attributes={"FifoTopic": "true"} if fifo else {})["TopicArn"]
    queue = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    return topic


class _Output(OutputConformance):
    component = component
    suffix: ClassVar[str] = ""

    @pytest.fixture(autouse=True)
    def _topic(self, moto: Moto, unique: str) -> None:
        self.moto, self.name = moto, unique + self.suffix
        self.arn = make_topic(moto, self.name)

    async def make(self) -> OutputBinding:
        return make_output(self.moto, self.arn)

    async def written(self) -> Sequence[bytes | None]:
        return [message["Body"].encode() for message in messages(self.moto, self.name)]


class TestStandardTopic(_Output):
    keeps_order = False


class TestFifoTopic(_Output):
    suffix = ".fifo"


async def published(moto: Moto, name: str, data: bytes, metadata: Mapping[str, str], **attributes: str) -> Any:
    """What an e-mail or another subscriber is told: the notification."""
    topic, queues = moto.client("sns").create_topic(Name=name)["TopicArn"], moto.client("sqs")
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    queue = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    moto.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    assert all_results(await invoke(make_output(moto, topic), operation("create", data, metadata, **attributes)))
    [message] = messages(moto, name)
    return json.loads(message["Body"])


@pytest.mark.parametrize(
    ("data", "message", "subject"),
    [
        (b'{"message": "hello", "subject": "news"}', "hello", "news"),
        (b'{"message": {"a": 1.5}}', '{"a": 1.5}', None),
        (b'{"message": 5, "subject": null}', "5", None),
        (b'{"message": "hello", "level": 3}', '{"message": "hello", "level": 3}', None),
        (b'{"a": 1}', '{"a": 1}', None),
        (b"[1]", "[1]", None),
        (b"{", "{", None),
    ],
)
async def test_object_of_dapr_is_a_message_and_its_subject(
    moto: Moto, unique: str, data: bytes, message: str, subject: str | None
) -> None:
    told = await published(moto, unique, data, {}, datacontenttype="application/json")
    assert (told["Message"], told.get("Subject")) == (message, subject)


async def test_text_is_the_message_as_it_is(moto: Moto, unique: str) -> None:
    data = '{"message": "grün ✓"}'.encode()
    told = await published(moto, unique, data, {"subject": "news", "tenant": "acme"}, datacontenttype="text/plain")
    assert (told["Message"], told["Subject"]) == (data.decode(), "news")
    attributes = told["MessageAttributes"]
    assert attributes["tenant"] == {"Type": "String", "Value": "acme"}
    assert json.loads(attributes["cloudEvents"]["Value"])["type"] == "test"


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"subject": "two\nlines"}, "subject 'two"),
        ({"subject": "x" * 101}, "1 to 100 characters"),
        ({"not a name": "x"}, "cannot be the name of a message attribute"),
        ({f"a{number}": "x" for number in range(10)}, "at most 10 attributes, not 11"),
    ],
)
async def test_what_sns_cannot_take_fails_alone(moto: Moto, unique: str, metadata: dict[str, str], why: str) -> None:
    arn = make_topic(moto, unique)
    good = [operation("create"), operation("create")]
    before, bad, after = await invoke(make_output(moto, arn), good[0], operation("create", metadata=metadata), good[1])
    assert all_results([before, after])
    assert isinstance(bad, Permanent)
    assert why in str(bad)
    assert len(messages(moto, unique)) == 2


async def test_groups_of_a_fifo_topic(moto: Moto, unique: str) -> None:
    unique += ".fifo"
    arn = make_topic(moto, unique)
    grouped = operation("create", metadata={"messageGroupId": "blue", "messageDeduplicationId": "once"})
    plain = operation("create", id="näme " + "x" * 200)
    assert all_results(await invoke(make_output(moto, arn, fifoMessageGroupID="rest"), grouped, plain, grouped, plain))
    found = [message["Attributes"] for message in messages(moto, unique)]
    assert [one["MessageGroupId"] for one in found] == ["blue", "rest"]
    assert found[0]["MessageDeduplicationId"] == "once"
    assert len(found[1]["MessageDeduplicationId"]) == 64


async def test_result_says_the_id_and_the_topic(moto: Moto, unique: str) -> None:
    [result] = await invoke(make_output(moto, make_topic(moto, unique)), operation("create"))
    assert isinstance(result, Result)
    assert result.landed == f"topic {unique}"
    assert result.metadata["messageId"]


async def test_topic_that_is_not_there_is_waited_for(moto: Moto, unique: str) -> None:
    output = make_output(moto, f"arn:aws:sns:us-east-1:123456789012:{unique}")
    with pytest.raises(NotReady, match="there is no topic arn:aws"):
        await output.open()
    await output.close()
    make_topic(moto, unique)
    assert all_results(await invoke(output, operation("create")))


@pytest.mark.parametrize("arn", ["orders", "arn:aws:sqs:us-east-1:123456789012:orders", "arn:aws:sns:us-east-1:1:a b"])
def test_what_is_no_arn_of_a_topic_is_refused(arn: str) -> None:
    with pytest.raises(ValueError, match="topicArn"):
        component.metadata.model_validate({"topicArn": arn})


async def test_server_that_is_not_there_is_not_ready(moto: Moto) -> None:
    with pytest.raises(NotReady, match="topic orders"):
        await make_output(moto, "arn:aws:sns:us-east-1:1:orders", endpoint="http://127.0.0.1:1").open()
