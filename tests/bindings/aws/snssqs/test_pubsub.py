from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from bindings.aws.snssqs import component
from bindings.contract import InputBinding, Outcome, PubSub, Received, Subscription
from engine.errors import DefinitionError, NotReady, Permanent, Unavailable
from tests.bindings.aws.server import Moto
from tests.bindings.conformance import settled
from tests.bindings.fakes import context
from tests.bindings.topics import PubSubConformance, TopicConformance, publication
from tests.proxy import Proxy


@pytest.fixture(autouse=True)
def _empty(moto: Moto) -> None:
    moto.reset()


def make_pubsub(moto: Moto, **more: Any) -> PubSub:
    assert component.pubsub is not None
    wanted = {**moto.metadata(messageWaitTimeSeconds=1), **more}
    return component.pubsub(component.metadata.model_validate(wanted), context("pubsub"))


class _PubSub(PubSubConformance):
    keeps_metadata = True
    more: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _moto(self, moto: Moto) -> None:
        self.moto = moto

    async def make(self) -> PubSub:
        return make_pubsub(self.moto, **self.more)


class TestPubSub(_PubSub):
    keeps_order = False


class TestFifoPubSub(_PubSub):
    more: ClassVar[dict[str, Any]] = {"fifo": "true"}

    async def test_many_publications_come_in_their_order(self, pubsub: PubSub, topic: str) -> None:
        """SQS gives out no more of a group, which all of these are, than ten that are not settled."""
        data = [b"%03d" % number for number in range(60)]
        found: list[bytes | None] = []
        async with self.subscribed(pubsub, topic) as binding:
            await self.publish(pubsub, topic, *data)
            while len(found) < len(data):
                received = await self.read_all(binding, 1)
                found += [message.data for message in received]
                await binding.settle(settled(received))
        assert found == data


class _Topic(TopicConformance):
    more: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _moto(self, moto: Moto) -> None:
        self.moto = moto

    async def make_pubsub(self) -> PubSub:
        return make_pubsub(self.moto, **self.more)


class TestTopic(_Topic):
    keeps_order = False


@asynccontextmanager
async def opened(moto: Moto, **more: Any) -> AsyncIterator[PubSub]:
    pubsub = make_pubsub(moto, **more)
    await pubsub.open()
    yield pubsub
    await pubsub.close()


@asynccontextmanager
async def reading(pubsub: PubSub, topic: str, consumer: str = "shop") -> AsyncIterator[InputBinding]:
    binding = pubsub.subscribe(Subscription(topic, consumer))
    await binding.open()
    yield binding
    await binding.close()


async def read(binding: InputBinding, count: int = 1) -> list[Received]:
    found: list[Received] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += await binding.read(100)
    return found


def attributes(moto: Moto, queue: str) -> Mapping[str, str]:
    client = moto.client("sqs")
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    found: Mapping[str, str] = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


async def test_topics_queues_and_subscriptions_are_those_of_dapr(moto: Moto) -> None:
    async with opened(moto) as pubsub, reading(pubsub, "order/new", "my.shop"), reading(pubsub, "paid", "my.shop"):
        topics = [topic["TopicArn"] for topic in moto.client("sns").list_topics()["Topics"]]
        assert topics == [f"arn:aws:sns:us-east-1:123456789012:{name}" for name in ("ordernew", "paid")]
        tags = moto.client("sns").list_tags_for_resource(ResourceArn=topics[0])["Tags"]
        assert tags == [{"Key": "dapr-topic-name", "Value": "ordernew"}]
        found = attributes(moto, "myshop")
        url = moto.client("sqs").get_queue_url(QueueName="myshop")["QueueUrl"]
        assert moto.client("sqs").list_queue_tags(QueueUrl=url)["Tags"] == {"dapr-queue-name": "myshop"}
        assert json.loads(found["Policy"])["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": found["QueueArn"],
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
            for topic in topics
        ]
        for topic in topics:
            [one] = moto.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
            assert (one["Protocol"], one["Endpoint"]) == ("sqs", found["QueueArn"])
    async with opened(moto) as pubsub, reading(pubsub, "paid", "my.shop"):  # nothing is made twice
        assert attributes(moto, "myshop")["Policy"] == found["Policy"]
        assert len(moto.client("sns").list_subscriptions()["Subscriptions"]) == 2


async def test_dead_letters_queue_is_made_and_used(moto: Moto) -> None:
    wanted = {"sqsDeadLettersQueueName": "dead", "messageReceiveLimit": "2"}
    async with opened(moto, **wanted) as pubsub, reading(pubsub, "orders") as binding:
        redrive = json.loads(attributes(moto, "shop")["RedrivePolicy"])
        assert redrive == {"deadLetterTargetArn": attributes(moto, "dead")["QueueArn"], "maxReceiveCount": 2}
        assert await pubsub.publish("orders", [publication(b"bad")]) == [None]
        for attempt in (1, 2):
            [message] = await read(binding)
            assert message.attempt == attempt
            await binding.settle(settled([message], Outcome.RELEASED))
        assert await pubsub.publish("orders", [publication(b"good")]) == [None]
        assert [message.data for message in await read(binding)] == [b"good"]
    assert attributes(moto, "dead")["ApproximateNumberOfMessages"] == "1"


async def test_fifo_entities_have_the_suffix_and_the_group(moto: Moto) -> None:
    wanted = {"fifo": "true", "fifoMessageGroupID": "blue"}
    async with opened(moto, **wanted) as pubsub, reading(pubsub, "orders.fifo") as binding:
        named = publication(b"2", messageGroupId="red")
        assert await pubsub.publish("orders.fifo", [publication(b"1"), named]) == [None] * 2
        found = await read(binding, 2)
        assert [message.data for message in found] == [b"1", b"2"]
        assert [message.metadata["messageGroupId"] for message in found] == ["blue", "red"]
    assert attributes(moto, "shop.fifo")["ContentBasedDeduplication"] == "true"


async def test_message_that_dapr_publishes_is_read(moto: Moto) -> None:
    """It has no attributes, and its content type is not said."""
    data = b'{"specversion":"1.0","id":"7","source":"shop","type":"order","data":{"n":1}}'
    async with opened(moto) as pubsub, reading(pubsub, "orders") as binding:
        topic = moto.client("sns").list_topics()["Topics"][0]["TopicArn"]
        moto.client("sns").publish(TopicArn=topic, Message=data.decode())
        [message] = await read(binding)
    assert message.data == data
    assert "datacontenttype" not in message.attributes
    assert message.metadata["queueName"] == "shop"


async def test_event_is_published_as_dapr_publishes_it(moto: Moto) -> None:
    async with opened(moto) as pubsub, reading(pubsub, "orders"):
        event = publication(b'{"specversion":"1.0"}', "application/cloudevents+json")
        assert await pubsub.publish("orders", [event]) == [None]
        client = moto.client("sqs")
        url = client.get_queue_url(QueueName="shop")["QueueUrl"]
        [message] = client.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    notification = json.loads(message["Body"])
    assert notification["Message"] == '{"specversion":"1.0"}'
    assert not notification.get("MessageAttributes")


@pytest.mark.parametrize("body", ["plain", '{"Message": 5, "TopicArn": "x"}', "[1]"])
async def test_raw_delivery_is_of_the_only_topic(moto: Moto, body: str) -> None:
    async with opened(moto) as pubsub, reading(pubsub, "orders") as binding:
        client = moto.client("sqs")
        tenant = {"tenant": {"DataType": "String", "StringValue": "acme"}}
        url = client.get_queue_url(QueueName="shop")["QueueUrl"]
        client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=tenant)
        [message] = await read(binding)
    assert (message.data, message.metadata["tenant"]) == (body.encode(), "acme")


async def test_message_of_a_topic_that_nobody_reads_stays_in_the_queue(
    moto: Moto, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(moto, messageVisibilityTimeout=1) as pubsub:
        async with reading(pubsub, "here") as here:
            async with reading(pubsub, "there"):
                pass
            assert await pubsub.publish("there", [publication(b"1"), publication(b"2")]) == [None] * 2
            waiting = asyncio.create_task(here.read(10))
            while "topic there" not in caplog.text:
                await asyncio.wait({waiting}, timeout=0.05)
            waiting.cancel()
            await asyncio.wait({waiting})
        async with reading(pubsub, "there") as there:
            assert sorted(message.data or b"" for message in await read(there, 2)) == [b"1", b"2"]
    assert [record.levelno for record in caplog.records if record.name == "jackfield.snssqs"] == [logging.WARNING]


async def test_topic_that_closes_gives_back_what_it_has_while_another_reads_on(moto: Moto) -> None:
    async with opened(moto) as pubsub, opened(moto) as other, reading(pubsub, "here") as here:
        async with reading(pubsub, "there") as there:
            assert await pubsub.publish("there", [publication(b"1"), publication(b"2")]) == [None] * 2
            async with asyncio.timeout(10):
                first = await there.read(1)
            assert len(first) == 1
        async with reading(other, "there") as there:
            again = await read(there, 2)
            assert sorted(message.data or b"" for message in again) == [b"1", b"2"]
            await there.settle(settled(again))
        assert await pubsub.publish("here", [publication(b"3")]) == [None]
        assert [message.data for message in await read(here)] == [b"3"]


async def test_nothing_is_made_when_entity_management_is_disabled(moto: Moto) -> None:
    wanted = {"disableEntityManagement": "true", "assetsManagementTimeoutSeconds": "20"}
    async with opened(moto, **wanted) as pubsub:
        binding = pubsub.subscribe(Subscription("orders", "shop"))
        with pytest.raises(NotReady, match="topic orders is not there"):
            await binding.open()
        [error] = await pubsub.publish("orders", [publication(b"1")])
        assert isinstance(error, Unavailable)
        topic = moto.client("sns").create_topic(Name="orders")["TopicArn"]
        with pytest.raises(NotReady, match="queue shop is not there"):
            await binding.open()
        moto.client("sqs").create_queue(QueueName="shop")
        with pytest.raises(NotReady, match="there is not the subscription"):
            await binding.open()
        queue = attributes(moto, "shop")["QueueArn"]
        moto.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        await binding.open()
        assert await pubsub.publish("orders", [publication(b"1")]) == [None]
        assert [message.data for message in await read(binding)] == [b"1"]
        assert "Policy" not in attributes(moto, "shop")
        await binding.close()


async def test_topic_that_was_deleted_is_made_again(moto: Moto) -> None:
    async with opened(moto) as pubsub:
        assert await pubsub.publish("orders", [publication(b"1")]) == [None]
        moto.client("sns").delete_topic(TopicArn="arn:aws:sns:us-east-1:123456789012:orders")
        [error] = await pubsub.publish("orders", [publication(b"2")])
        assert isinstance(error, Unavailable)
        assert await pubsub.publish("orders", [publication(b"2")]) == [None]


async def test_publication_that_cannot_be_written_fails_alone(moto: Moto) -> None:
    async with opened(moto) as pubsub:
        bad = publication(b"1", **{"not a name": "x"})
        before, error, after = await pubsub.publish("orders", [publication(b"1"), bad, publication(b"1")])
        assert (before, after) == (None, None)
        assert isinstance(error, Permanent)


async def test_topic_without_a_character_for_its_name_is_refused(moto: Moto) -> None:
    async with opened(moto) as pubsub:
        with pytest.raises(DefinitionError, match="no character that AWS allows"):
            await pubsub.subscribe(Subscription("///", "shop")).open()


async def test_server_that_goes_away_is_not_ready_for_all_topics_and_read_again(moto: Moto) -> None:
    proxy = Proxy(moto.port)
    await proxy.start()
    async with (
        opened(moto, endpoint=f"http://127.0.0.1:{proxy.port}") as pubsub,
        reading(pubsub, "a") as one,
        reading(pubsub, "b") as other,
    ):
        assert await pubsub.publish("a", [publication(b"1")]) == [None]
        [message] = await read(one)
        await proxy.stop()
        for binding in (one, other):
            with pytest.raises(NotReady, match="queue shop"):
                await binding.read(10)
        [error] = await pubsub.publish("a", [publication(b"2")])
        assert isinstance(error, Unavailable)
        for binding in (one, other):
            await binding.close()
        proxy = Proxy(moto.port, proxy.port)
        await proxy.start()
        for binding in (one, other):
            await binding.open()
        await one.settle(settled([message]))  # a handle needs no connection
        assert await pubsub.publish("b", [publication(b"3")]) == [None]
        assert [message.data for message in await read(other)] == [b"3"]
        assert attributes(moto, "shop")["ApproximateNumberOfMessagesNotVisible"] == "1"
    await proxy.stop()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"messageReceiveLimit": 3}, "belong together"),
        ({"sqsDeadLettersQueueName": "dead"}, "belong together"),
        (
            {"messageReceiveLimit": 3, "sqsDeadLettersQueueName": "dead", "disableDeleteOnRetryLimit": True},
            "cannot be used with",
        ),
        ({"messageVisibilityTimeout": 0}, "greater than or equal to 1"),
        ({"messageWaitTimeSeconds": 0}, "greater than or equal to 1"),
        ({"messageMaxNumber": 11}, "less than or equal to 10"),
        ({"messageRetryLimit": 1}, "greater than or equal to 2"),
        ({"concurrencyMode": "both"}, "'parallel' or 'single'"),
        ({"concurrencyLimit": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_dapr_refuses_are_refused(wanted: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        component.metadata.model_validate(wanted)


async def test_open_that_fails_leaves_nothing_behind(moto: Moto) -> None:
    moto.client("sns").create_topic(Name="orders")
    moto.client("sqs").create_queue(QueueName="shop")
    wanted = {"disableEntityManagement": "true", "assetsManagementTimeoutSeconds": "20"}
    async with opened(moto, **wanted) as pubsub:
        before = asyncio.all_tasks()
        binding = pubsub.subscribe(Subscription("orders", "shop"))
        with pytest.raises(NotReady, match="there is not the subscription"):
            await binding.open()
        await binding.close()
        assert asyncio.all_tasks() == before
