from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from dapr.proto.runtime.v1 import appcallback_pb2, pubsub_pb2

from engine.api.options import ApiOptions
from engine.replay import message_of, queue_name
from tests.bindings.fakes import eventually
from tests.engine.api.served import DEFINITIONS, Served, served

SUCCESS, RETRY, DROP = (
    appcallback_pb2.TopicEventResponse.SUCCESS,
    appcallback_pb2.TopicEventResponse.RETRY,
    appcallback_pb2.TopicEventResponse.DROP,
)
SCOPED = """---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: scoped}
spec:
  type: pubsub.in-memory
  version: v1
  metadata: [{name: subscriptionScopes, value: shop=mine}, {name: protectedTopics, value: secret}]
"""
QUICK = """---
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: quick}
spec:
  policies: {retries: {quick: {policy: constant, duration: 1ms, maxRetries: 2}}}
  targets: {components: {pubsub: {inbound: {retry: quick}}}}
"""


class Talk:
    """One stream, as an app has it."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def begin(self, topic: str, pubsub: str = "pubsub", **more: Any) -> None:
        """Returns when the engine says that the messages will come."""
        await self.call.write(initial(topic, pubsub, **more))
        assert (await self.call.read()).HasField("initial_response")

    async def next(self) -> Any:
        async with asyncio.timeout(10):
            return (await self.call.read()).event_message

    async def answer(self, id: str, status: int) -> None:
        answer = appcallback_pb2.TopicEventResponse(status=status)  # type: ignore[arg-type]
        processed = pubsub_pb2.SubscribeTopicEventsRequestProcessedAlpha1(id=id, status=answer)
        await self.call.write(pubsub_pb2.SubscribeTopicEventsRequestAlpha1(event_processed=processed))

    async def failure(self) -> grpc.RpcError:
        """How it ends."""
        with pytest.raises(grpc.RpcError) as caught:
            await self._read_all()
        return caught.value

    async def _read_all(self) -> None:
        async with asyncio.timeout(10):
            while await self.call.read() is not grpc.aio.EOF:
                pass


def initial(topic: str, pubsub: str = "pubsub", **more: Any) -> Any:
    asked = pubsub_pb2.SubscribeTopicEventsRequestInitialAlpha1(pubsub_name=pubsub, topic=topic, **more)
    return pubsub_pb2.SubscribeTopicEventsRequestAlpha1(initial_request=asked)


@asynccontextmanager
async def talk(api: Served) -> AsyncIterator[Talk]:
    async with api.stub() as stub:
        yield Talk(stub.SubscribeTopicEventsAlpha1())


async def publish(api: Served, topic: str, data: Any, query: str = "", pubsub: str = "pubsub") -> None:
    assert await api.status("POST", f"/v1.0/publish/{pubsub}/{topic}{query}", data) == 204


async def test_message_is_as_it_was_published_and_settled_by_the_answer(tmp_path: Path) -> None:
    async with served(tmp_path) as api, talk(api) as app:
        await app.begin("orders")
        await publish(api, "orders", {"n": 1})
        event = await app.next()
        assert (json.loads(event.data), event.data_content_type) == ({"n": 1}, "application/json")
        assert (event.source, event.type, event.spec_version) == ("shop", "com.dapr.event.sent", "1.0")
        assert (event.topic, event.pubsub_name, event.path) == ("orders", "pubsub", "/")
        assert event.extensions["topic"] == "orders"
        (counts,) = api.engine.counts.values()
        assert counts.delivered == 0
        await app.answer("another", SUCCESS)
        await app.answer(event.id, SUCCESS)
        await eventually(lambda: counts.delivered == 1)


async def test_messages_are_with_the_app_side_by_side(tmp_path: Path) -> None:
    async with served(tmp_path) as api, talk(api) as app:
        await app.begin("orders")
        for n in range(3):
            await publish(api, "orders", n)
        events = [await app.next() for _ in range(3)]
        for event in reversed(events):
            await app.answer(event.id, SUCCESS)
        (counts,) = api.engine.counts.values()
        await eventually(lambda: counts.delivered == 3)
        assert sorted(json.loads(event.data) for event in events) == [0, 1, 2]


async def test_retry_comes_again_and_then_is_a_dead_letter_in_the_store(tmp_path: Path) -> None:
    async with served(tmp_path, DEFINITIONS + QUICK) as api, talk(api) as app:
        await app.begin("orders")
        await publish(api, "orders", "no")
        ids = []
        for _ in range(3):
            ids.append((await app.next()).id)
            await app.answer(ids[-1], RETRY)
        assert len(set(ids)) == 1
        (counts,) = api.engine.counts.values()
        await eventually(lambda: counts.dead_lettered == 1)
        (letter,) = await api.store.dead_letters()
        assert (letter.pipeline, letter.error) == ("stream.pubsub.orders.shop", "the app answered RETRY")


async def test_replay_goes_to_the_next_stream_of_the_topic(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        async with talk(api) as app:
            await app.begin("orders/eu")
            await publish(api, "orders/eu", 1)
            event = await app.next()
            await app.answer(event.id, DROP)
            (counts,) = api.engine.counts.values()
            await eventually(lambda: counts.dead_lettered == 1)
        (letter,) = await api.store.dead_letters()
        queue = api.store.queue(queue_name(letter.pipeline))
        await queue.put([message_of(letter, from_start=False)])
        await queue.close()
        async with talk(api) as app:
            await app.begin("orders/eu")
            assert (await app.next()).id == event.id
            await app.answer(event.id, SUCCESS)
            await eventually(lambda: counts.delivered == 1)


@pytest.mark.parametrize("failed", ["failed", 'a {{ event.id }} "b"'])
async def test_dropped_message_goes_to_the_dead_letter_topic(tmp_path: Path, failed: str) -> None:
    async with served(tmp_path) as api, talk(api) as app, talk(api) as letters:
        await letters.begin(failed)
        await app.begin("orders", dead_letter_topic=failed)
        await publish(api, "orders", "no")
        event = await app.next()
        await app.answer(event.id, DROP)
        letter = await letters.next()
        assert (letter.id, letter.data) == (event.id, event.data)


async def test_unknown_answer_is_tried_again(tmp_path: Path) -> None:
    async with served(tmp_path, DEFINITIONS + QUICK) as api, talk(api) as app:
        await app.begin("orders")
        await publish(api, "orders", 1)
        await app.answer((await app.next()).id, 7)
        await app.answer((await app.next()).id, SUCCESS)
        (counts,) = api.engine.counts.values()
        await eventually(lambda: counts.delivered == 1)


@pytest.mark.parametrize("how", ["cancel", "done_writing"])
async def test_stream_that_ends_gives_back_what_the_app_has_not_answered(tmp_path: Path, how: str) -> None:
    async with served(tmp_path) as api, talk(api) as first, talk(api) as second:
        await first.begin("orders")
        await publish(api, "orders", 1)
        event = await first.next()
        await second.begin("orders")
        if how == "cancel":
            first.call.cancel()
        else:
            await first.call.done_writing()
        assert (await second.next()).id == event.id
        await second.answer(event.id, SUCCESS)
        (counts,) = api.engine.counts.values()
        await eventually(lambda: counts.delivered == 1)
        assert (counts.dead_lettered, counts.retried) == (0, 0)


async def test_raw_message_is_in_an_envelope(tmp_path: Path) -> None:
    async with served(tmp_path) as api, talk(api) as app:
        await app.begin("orders", metadata={"rawPayload": "true"})
        await publish(api, "orders", "raw", "?metadata.rawPayload=true")
        event = await app.next()
        assert (event.source, event.type, event.data) == ("Dapr", "com.dapr.event.sent", b'"raw"')


async def test_names_may_have_any_characters(tmp_path: Path) -> None:
    api_options = ApiOptions(app_id="-shop-", grpc_port=0)
    async with served(tmp_path, api=api_options) as api, talk(api) as app, talk(api) as other:
        await app.begin("a {{ b }}/ü")
        await other.begin("a {{ c }}/ü")
        await publish(api, "a%20%7B%7B%20b%20%7D%7D/%C3%BC", 1)
        event = await app.next()
        assert (event.topic, event.data) == ("a {{ b }}/ü", b"1")
        first, second = api.engine.counts
        assert first.startswith("stream.pubsub.a----b")
        assert first != second


async def test_expired_message_is_dropped(tmp_path: Path) -> None:
    old = {"specversion": "1.0", "id": "1", "source": "/x", "type": "t", "expiration": "2001-01-01T00:00:00Z"}
    async with served(tmp_path) as api, talk(api) as app:
        await app.begin("orders")
        headers = {"Content-Type": "application/cloudevents+json"}
        sent = await api.call("POST", "/v1.0/publish/pubsub/orders", data=json.dumps(old), headers=headers)
        assert sent[0] == 204
        (counts,) = api.engine.counts.values()
        await eventually(lambda: counts.filtered == 1)


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (initial("", "pubsub"), "INVALID_ARGUMENT", "topic is required"),
        (initial("orders", ""), "INVALID_ARGUMENT", "pubsubName is required"),
        (initial("orders", "lost"), "INVALID_ARGUMENT", "pubsub lost is not found"),
        (initial("secret", "scoped"), "PERMISSION_DENIED", "topic secret is not allowed for app id shop"),
        (initial("others", "scoped"), "PERMISSION_DENIED", "topic others is not allowed for app id shop"),
        (pubsub_pb2.SubscribeTopicEventsRequestAlpha1(), "INVALID_ARGUMENT", "initial request is required"),
    ],
)
async def test_stream_that_cannot_begin(tmp_path: Path, request_: Any, code: str, message: str) -> None:
    async with served(tmp_path, DEFINITIONS + SCOPED) as api, talk(api) as app:
        await app.call.write(request_)
        error = await app.failure()
        assert (error.code().name, error.details()) == (code, message)


async def test_stream_begins_once(tmp_path: Path) -> None:
    async with served(tmp_path, DEFINITIONS + SCOPED) as api, talk(api) as app:
        await app.begin("mine", "scoped")
        await app.call.write(initial("mine", "scoped"))
        error = await app.failure()
        assert (error.code().name, error.details()) == ("INVALID_ARGUMENT", "duplicate initial request received")


async def test_stream_ends_when_its_component_changes_and_not_with_others(tmp_path: Path) -> None:
    async with served(tmp_path, DEFINITIONS + SCOPED) as api, talk(api) as app, talk(api) as other:
        await app.begin("orders")
        await other.begin("mine", "scoped")
        await api.apply(DEFINITIONS + SCOPED.replace("secret", "hidden"))
        assert (await other.failure()).details() == "the component scoped has changed"
        await publish(api, "orders", 1)
        assert (await app.next()).data == b"1"
        await api.apply(SCOPED)
        error = await app.failure()
        assert (error.code().name, error.details()) == ("UNAVAILABLE", "the component pubsub is not there any more")


async def test_engine_that_stops_waits_for_the_answers(tmp_path: Path) -> None:
    async with served(tmp_path) as api, talk(api) as app:
        await app.begin("orders")
        await publish(api, "orders", 1)
        event = await app.next()
        stopping = asyncio.create_task(api.engine._streams.close())
        await app.answer(event.id, SUCCESS)
        error = await app.failure()
        await stopping
        assert (error.code().name, error.details()) == ("UNAVAILABLE", "the engine stops")
        (counts,) = api.engine.counts.values()
        assert counts.delivered == 1
