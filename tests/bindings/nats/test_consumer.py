from __future__ import annotations

from typing import Any

import pytest
from nats.js.api import ConsumerConfig

from bindings.contract import Outcome, Subscription
from bindings.nats.consumer import consumer_name
from engine.errors import DefinitionError, NotReady
from tests.bindings.conformance import settled
from tests.bindings.nats.project import add_stream, jetstream, metadata, opened, read_all, reading
from tests.bindings.topics import new_topic, publication


@pytest.fixture
def name() -> str:
    return new_topic()


def test_consumer_has_a_name_for_its_group_and_topic() -> None:
    def name(topic: str, consumer: str, **more: Any) -> str:
        return consumer_name(metadata("nats://a", **more), Subscription(topic, consumer))

    names = [name("a.b", "shop"), name("a_b", "shop"), name("a", "shop-b"), name("a.*", "shop")]
    assert names[0].startswith("shop-a_b-")
    assert len(set(names)) == 4
    assert not set("".join(names)) & set(" .*>/\\")
    assert name("a", "shop", durableName="mine") == "mine"
    assert name("a", "shop", queueGroupName="g") == name("a", "audit", queueGroupName="g") == name("a", "g")


async def test_metadata_are_those_of_the_consumer(url: str, name: str) -> None:
    more: dict[str, Any] = {
        "durableName": name,
        "ackWait": "10s",
        "maxDeliver": "15",
        "backOff": "5s, 20s",
        "maxAckPending": "50",
        "replicas": "1",
        "memoryStorage": "true",
        "deliverPolicy": "sequence",
        "startSequence": "1",
    }
    async with opened(url, **more) as pubsub, reading(pubsub, name), jetstream(url) as stream:
        config = (await stream.consumer_info("TOPICS", name)).config
    assert config is not None
    assert (config.durable_name, config.filter_subject, config.deliver_subject) == (name, name, None)
    assert (config.ack_policy, config.deliver_policy, config.opt_start_seq) == ("explicit", "by_start_sequence", 1)
    assert (config.backoff, config.max_deliver, config.max_ack_pending) == ([5.0, 20.0], 15, 50)
    assert (config.num_replicas, config.mem_storage) == (1, True)


async def test_ack_wait_is_that_of_the_consumer_and_is_changed(url: str, name: str) -> None:
    for wait in (10.0, 20.0):
        async with opened(url, durableName=name, ackWait=wait) as pubsub, reading(pubsub, name):
            pass
        async with jetstream(url) as stream:
            config = (await stream.consumer_info("TOPICS", name)).config
        assert config is not None
        assert config.ack_wait == wait


async def test_what_the_metadata_do_not_say_stays_as_a_person_has_set_it(url: str, name: str) -> None:
    config = ConsumerConfig(name=name, durable_name=name, filter_subject=name, max_ack_pending=7, ack_wait=99)
    async with jetstream(url) as stream:
        await stream.add_consumer("TOPICS", config)
        async with opened(url, durableName=name, ackWait="88s") as pubsub, reading(pubsub, name):
            pass
        found = (await stream.consumer_info("TOPICS", name)).config
    assert found is not None
    assert (found.max_ack_pending, found.ack_wait) == (7, 88)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, [b"1", b"2", b"3"]),
        ({"deliverPolicy": "last"}, [b"3"]),
        ({"deliverPolicy": "new"}, []),
        ({"deliverPolicy": "sequence", "startSequence": "2"}, [b"2", b"3"]),
        ({"deliverPolicy": "time", "startTime": "0"}, [b"1", b"2", b"3"]),
        ({"deliverPolicy": "time", "startTime": "4102444800"}, []),
    ],
)
async def test_deliver_policy_says_where_a_new_consumer_begins(
    url: str, name: str, policy: dict[str, Any], expected: list[bytes]
) -> None:
    await add_stream(url, name, [f"{name}.*"])
    async with opened(url, **policy) as pubsub:
        await pubsub.publish(f"{name}.x", [publication(b"%d" % number) for number in (1, 2, 3)])
        async with reading(pubsub, f"{name}.x") as binding:
            await pubsub.publish(f"{name}.x", [publication(b"end")])
            # A start that is yet to come gives out nothing until then, and only what comes after it.
            wanted = expected if policy.get("startTime") == "4102444800" else [*expected, b"end"]
            messages = await read_all(binding, len(wanted))
    assert [one.data for one in messages] == wanted


async def test_message_is_not_given_out_more_often_than_max_deliver(url: str, name: str) -> None:
    async with opened(url, maxDeliver="2") as pubsub, reading(pubsub, name) as binding:
        await pubsub.publish(name, [publication(b"1")])
        for attempt in (1, 2):
            [message] = await binding.read(10)
            assert (message.data, message.attempt) == (b"1", attempt)
            await binding.settle(settled([message], Outcome.RELEASED))
        await pubsub.publish(name, [publication(b"2")])
        assert [one.data for one in await binding.read(10)] == [b"2"]


async def test_stream_that_is_not_there_is_waited_for(url: str, name: str) -> None:
    async with opened(url) as pubsub:
        binding = pubsub.subscribe(Subscription(f"{name}.new", "shop"))
        command = f"nats stream add {name.upper().replace('-', '-')}_NEW --subjects '{name}.new' --defaults"
        with pytest.raises(NotReady, match=f"no stream that takes the subject {name}.new; make one: {command}"):
            await binding.open()
        await add_stream(url, name, [f"{name}.*"])
        await binding.open()
        await binding.close()


async def test_stream_that_is_named_must_be_there(url: str, name: str) -> None:
    async with opened(url, streamName=name) as pubsub:
        with pytest.raises(NotReady, match=f"no stream {name}; make one: nats stream add {name} --subjects 'a'"):
            await pubsub.subscribe(Subscription("a", "shop")).open()


async def test_stream_is_the_one_that_is_named(url: str, name: str) -> None:
    await add_stream(url, name, [f"{name}.*"])
    async with opened(url, streamName=name) as pubsub, reading(pubsub, f"{name}.a") as binding:
        await pubsub.publish(f"{name}.a", [publication(b"1")])
        assert [one.metadata["stream"] for one in await binding.read(10)] == [name]


async def test_consumer_that_the_server_pushes_to_is_refused_with_what_to_do(url: str, name: str) -> None:
    config = ConsumerConfig(durable_name=name, filter_subject=name, deliver_subject="pushed.here")
    async with jetstream(url) as stream:
        await stream.add_consumer("TOPICS", config)
    async with opened(url, durableName=name) as pubsub:
        with pytest.raises(DefinitionError, match="one that the server pushes to") as caught:
            await pubsub.subscribe(Subscription(name, "shop")).open()
    assert f"nats consumer rm TOPICS {name}" in caught.value.hint


async def test_durable_name_is_for_one_topic(url: str, name: str) -> None:
    async with opened(url, durableName=name) as pubsub, reading(pubsub, name):
        with pytest.raises(DefinitionError, match=f"consumer {name} is there, and reads {name}") as caught:
            await pubsub.subscribe(Subscription(new_topic(), "shop")).open()
    assert "durableName is for one topic" in caught.value.hint


async def test_consumer_that_cannot_be_changed_is_refused_with_what_to_do(url: str, name: str) -> None:
    async with opened(url) as pubsub, reading(pubsub, name):
        pass
    async with opened(url, deliverPolicy="new") as pubsub:
        with pytest.raises(DefinitionError, match="deliver policy can not be updated") as caught:
            await pubsub.subscribe(Subscription(name, "shop")).open()
    assert "delete it" in caught.value.hint


@pytest.mark.parametrize("topic", ["", "a b", "a..b", ".a"])
async def test_topic_that_is_no_subject_is_refused(url: str, topic: str) -> None:
    async with opened(url) as pubsub:
        with pytest.raises(DefinitionError, match="is not a subject of NATS"):
            await pubsub.subscribe(Subscription(topic, "shop")).open()
