"""A topic of a pub/sub as the input of a pipeline, and topics as its outputs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from bindings.contract import (
    Clock,
    InputBinding,
    Operation,
    Outcome,
    Publication,
    PubSub,
    Received,
    Redelivery,
    Result,
    Settled,
    Subscription,
)
from bindings.metadata import is_raw
from engine import cloudevents
from engine.errors import EventError, NotReady, Permanent
from engine.event import EVENT_TYPE, Attribute, Event, rfc3339
from engine.stages.stage import Verdict

PUBLISH = "publish"  # the operation of a topic
_MEMBERS = {"specversion", "id", "source", "type"}


class TopicInput:
    """`lend` gives the opened pub/sub, which all who use it share, and `give_back` is called once for each of that.

    `source`: of a message that is data and no CloudEvent.
    """

    redelivery: Redelivery = "native"  # never by the engine: what a topic in memory loses is lost

    def __init__(
        self,
        lend: Callable[[], Awaitable[PubSub]],
        give_back: Callable[[], Awaitable[None]],
        wanted: Subscription,
        source: str,
    ) -> None:
        self._lend = lend
        self._give_back = give_back
        self._wanted = wanted
        self._raw_source = source if is_raw(wanted.metadata) else None
        self._pubsub: PubSub | None = None
        self._topic: InputBinding | None = None

    async def open(self) -> None:
        self._pubsub = await self._lend()
        self._topic = self._pubsub.subscribe(self._wanted)
        await self._topic.open()

    async def read(self, limit: int) -> Sequence[Received]:
        received = await self._opened.read(limit)
        for message in received:
            message.attributes = self._attributes(message)
        return received

    async def settle(self, settled: Sequence[Settled]) -> None:
        await self._opened.settle(settled)

    async def close(self) -> None:
        topic, self._topic = self._topic, None
        pubsub, self._pubsub = self._pubsub, None
        try:
            if topic is not None:
                await topic.close()
        finally:
            if pubsub is not None:
                await self._give_back()

    @property
    def _opened(self) -> InputBinding:
        if self._topic is None:
            raise NotReady("the topic is not open")
        return self._topic

    def _attributes(self, message: Received) -> Mapping[str, Attribute]:
        """What makes the envelope be opened (engine/envelope.py), or not."""
        if self._raw_source is not None:
            return {"source": self._raw_source, **message.attributes}
        type = str(message.attributes.get("datacontenttype", "")).lower()
        is_plain = "source" not in message.attributes and not type.startswith("application/cloudevents")
        # Not every system keeps the content type of a message, and not every sender says it.
        if is_plain and message.data is not None and _is_event(message.data):
            return {**message.attributes, "datacontenttype": EVENT_TYPE}
        return message.attributes


class TopicOutput:
    """An `OutputBinding` with the one operation `publish`, whose metadata names the `topic`.

    The event goes as a CloudEvent in JSON, as Dapr's apps publish and get it: with the attributes `topic` and
    `pubsubname`, and `expiration` where the system itself does not drop what is too old. The metadata `rawPayload`
    sends its data alone.
    """

    def __init__(self, name: str, pubsub: PubSub, native_ttl: bool, clock: Clock) -> None:
        self._name = name
        self._pubsub = pubsub
        self._native_ttl = native_ttl
        self._clock = clock

    async def open(self) -> None:
        """It is opened already, for all who share it."""

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        results: list[Result | EventError] = [Result() for _ in operations]
        by_topic: dict[str, list[tuple[int, Publication]]] = {}
        for index, operation in enumerate(operations):
            topic = operation.metadata["topic"]
            try:
                by_topic.setdefault(topic, []).append((index, self._publication(topic, operation)))
            except EventError as error:
                results[index] = error
        for topic, made in by_topic.items():
            errors = await self._publish(topic, [publication for _, publication in made])
            for (index, _), failure in zip(made, errors, strict=True):
                results[index] = failure or Result(landed=f"topic {topic} of {self._name}")
        return results

    async def close(self) -> None:
        """It is closed by the last who uses it."""

    async def _publish(self, topic: str, made: Sequence[Publication]) -> Sequence[EventError | None]:
        try:
            return await self._pubsub.publish(topic, made)
        except EventError as error:  # and what goes to the other topics is not lost
            return [error] * len(made)

    def _publication(self, topic: str, operation: Operation) -> Publication:
        event = operation.event
        metadata = {name: value for name, value in operation.metadata.items() if name != "topic"}
        if not topic:
            raise Permanent("the name of the topic is empty")
        if is_raw(metadata):
            return Publication(event.data or b"", event.content_type, metadata)
        more: dict[str, Attribute] = {"topic": topic, "pubsubname": self._name}
        if "ttlInSeconds" in metadata and not self._native_ttl:
            more["expiration"] = rfc3339(self._clock.now() + _seconds(metadata["ttlInSeconds"]))
        return Publication(cloudevents.encode_one(event.replace(**more)), EVENT_TYPE, metadata)


def unless_expired(event: Event, now: float) -> Verdict:
    """The end of an event whose `expiration` has come (dapr/components-contrib, pubsub/envelope.go)."""
    expiration = event.attributes.get("expiration")
    if expiration is None:
        return event
    try:
        instant = datetime.fromisoformat(str(expiration))
    except ValueError:
        return event
    return event if instant.tzinfo is None or instant.timestamp() > now else Outcome.FILTERED


def _is_event(data: bytes) -> bool:
    if data[:1] != b"{" or b'"specversion"' not in data:
        return False
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.keys() >= _MEMBERS


def _seconds(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 2**31:
        return int(text)
    raise Permanent(f"ttlInSeconds must be a whole number of seconds above zero; it is {text!r}")
