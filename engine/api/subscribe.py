"""Dapr's streaming subscriptions: an app gets the messages of a topic over a stream that it has opened.

Source: dapr/dapr, pkg/api/grpc/subscribe.go and pkg/runtime/pubsub/streamer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from engine.api.error import ApiError, ErrorInfo, bad_request
from engine.api.parts import Missing, Parts, Topic
from engine.definitions.dapr import SubscriptionSpec
from engine.errors import DefinitionError, JackfieldError
from engine.event import Event
from engine.topic_scopes import ForbiddenTopic


class Subscriber:
    """The app's end of one stream: what is to be sent to it, and what it answers."""

    def __init__(self) -> None:
        self._outgoing: asyncio.Queue[tuple[Event, asyncio.Future[str]]] = asyncio.Queue()
        self._asked: dict[str, asyncio.Future[str]] = {}  # by the ids of the events that have no answer yet
        self._is_gone = False

    async def deliver(self, event: Event) -> str:
        """Returns the answer. When the stream ends before it, who waits is cancelled: nothing is known of the event,
        and it is given out again.
        """
        while (former := self._asked.get(event.id)) is not None:  # an answer names the event by its id alone
            await asyncio.wait({former})
        if self._is_gone:
            raise asyncio.CancelledError
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked[event.id] = answer
        self._outgoing.put_nowait((event, answer))
        try:
            return await answer
        finally:
            del self._asked[event.id]
            answer.cancel()  # wakes who waits for it

    async def next(self) -> Event:
        """The next event that is to be sent."""
        while True:
            event, answer = await self._outgoing.get()
            if not answer.done():  # else nobody waits for it any more
                return event

    def answered(self, id: str, status: str) -> None:
        """An answer to what was not asked, or not any more, says nothing."""
        answer = self._asked.get(id)
        if answer is not None and not answer.done():
            answer.set_result(status)

    def gone(self) -> None:
        """There will be no more answers."""
        self._is_gone = True
        for answer in self._asked.values():
            answer.cancel()


class Subscribe:
    def __init__(self, parts: Parts, app_id: str) -> None:
        self._parts = parts
        self._app_id = app_id
        self._open: set[Topic] = set()

    async def close(self) -> None:
        """Ends all streams."""
        for topic in self._open:
            topic.end("the engine stops")

    @contextlib.asynccontextmanager
    async def opened(
        self, pubsub: str, topic: str, metadata: Mapping[str, str], dead_letter_topic: str, subscriber: Subscriber
    ) -> AsyncIterator[Topic]:
        """The topic goes to the subscriber until it is left; raises `ApiError`."""
        if not pubsub:
            raise bad_request("pubsubName is required")
        if not topic:
            raise bad_request("topic is required")
        wanted = SubscriptionSpec(
            pubsubname=pubsub, topic=topic, metadata=dict(metadata), dead_letter_topic=dead_letter_topic or None
        )
        async with contextlib.AsyncExitStack() as stack:
            try:
                read = await stack.enter_async_context(self._parts.stream(wanted, subscriber.deliver))
            except Missing:
                details = [ErrorInfo("DAPR_PUBSUB_NOT_FOUND", metadata)]
                message = f"pubsub {pubsub} is not found"
                raise ApiError("ERR_PUBSUB_NOT_FOUND", message, 404, "INVALID_ARGUMENT", details=details) from None
            except ForbiddenTopic:
                message = f"topic {topic} is not allowed for app id {self._app_id}"
                raise ApiError("ERR_PUBSUB_FORBIDDEN", message, 403, "PERMISSION_DENIED", coded=True) from None
            except JackfieldError as error:
                message = f"cannot subscribe to topic {topic} in pubsub {pubsub}: {error}"
                grpc = "FAILED_PRECONDITION" if isinstance(error, DefinitionError) else "UNAVAILABLE"
                raise ApiError("ERR_PUBSUB_SUBSCRIBE", message, 500, grpc, coded=True) from error
            stack.callback(subscriber.gone)  # before the rest is given back
            self._open.add(read)
            stack.callback(self._open.discard, read)
            yield read


def ended(reason: str) -> ApiError:
    """The engine ends the stream; the app may open it again."""
    return ApiError("ERR_PUBSUB_SUBSCRIBE", reason, 503, "UNAVAILABLE", coded=True)
