"""Streaming subscriptions over gRPC (dapr/dapr, pkg/api/grpc/subscribe.go and pkg/runtime/pubsub/streamer)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from dapr.proto.runtime.v1 import appcallback_pb2, pubsub_pb2
from google.protobuf.struct_pb2 import Struct

from engine.api.error import bad_request
from engine.api.parts import Topic
from engine.api.subscribe import Subscribe, Subscriber, ended
from engine.event import Event

_OWN = ("id", "source", "type", "specversion", "datacontenttype")  # what has a field of its own
_STATUS = appcallback_pb2.TopicEventResponse.TopicEventResponseStatus

Send = Callable[[Any], Awaitable[None]]


class GrpcSubscribe:
    def __init__(self, subscribe: Subscribe) -> None:
        self._subscribe = subscribe

    async def run(self, requests: AsyncIterator[Any], send: Send) -> None:
        """First an answer that says that the messages will come, then these, until one of the two ends it."""
        first = await anext(requests, None)
        if first is None or not first.HasField("initial_request"):
            raise bad_request("initial request is required")
        asked, subscriber = first.initial_request, Subscriber()
        metadata, letters = dict(asked.metadata), asked.dead_letter_topic
        async with self._subscribe.opened(asked.pubsub_name, asked.topic, metadata, letters, subscriber) as topic:
            begun = pubsub_pb2.SubscribeTopicEventsResponseInitialAlpha1()
            await send(pubsub_pb2.SubscribeTopicEventsResponseAlpha1(initial_response=begun))
            await _talk(topic, subscriber, requests, send)
        if topic.ended.is_set():
            raise ended(topic.reason)


async def _talk(topic: Topic, subscriber: Subscriber, requests: AsyncIterator[Any], send: Send) -> None:
    """Returns when the app has nothing more to answer; raises what goes wrong."""
    reading = asyncio.create_task(_read(requests, subscriber))
    writing = asyncio.create_task(_write(topic, subscriber, send))
    ending = asyncio.create_task(topic.ended.wait())
    try:
        done, _ = await asyncio.wait({reading, writing, ending}, return_when=asyncio.FIRST_COMPLETED)
        if ending in done:
            finishing = asyncio.create_task(topic.finish())
            await asyncio.wait({reading, writing, finishing}, return_when=asyncio.FIRST_COMPLETED)
            subscriber.gone()
            await finishing
        for task in (reading, writing):
            if task.done():
                task.result()
    finally:
        tasks: list[asyncio.Task[Any]] = [reading, writing, ending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(requests: AsyncIterator[Any], subscriber: Subscriber) -> None:
    async for request in requests:
        if not request.HasField("event_processed"):
            raise bad_request("duplicate initial request received")
        processed = request.event_processed
        number = processed.status.status
        known = number in _STATUS.values()
        subscriber.answered(processed.id, _STATUS.Name(number) if known else str(number))


async def _write(topic: Topic, subscriber: Subscriber, send: Send) -> None:
    while True:
        event = _message(await subscriber.next(), topic.wanted.pubsubname, topic.wanted.topic)
        await send(pubsub_pb2.SubscribeTopicEventsResponseAlpha1(event_message=event))


def _message(event: Event, pubsub: str, topic: str) -> Any:
    extensions = Struct()
    extensions.update({name: value for name, value in event.attributes.items() if name not in _OWN})
    return appcallback_pb2.TopicEventRequest(
        id=event.id,
        source=event.source,
        type=event.type,
        spec_version=str(event.attributes.get("specversion", "1.0")),
        data_content_type=event.content_type,
        data=event.data or b"",
        topic=topic,
        pubsub_name=pubsub,
        path="/",
        extensions=extensions,
    )
