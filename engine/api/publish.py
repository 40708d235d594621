"""Dapr's publishing: messages wrapped in CloudEvents, for the topics of pub/sub components.

Source: Dapr, Pub/sub API; dapr/components-contrib, pubsub/envelope.go; dapr/dapr, pkg/api/errors/pubsub.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial

from bindings.contract import Clock, Publication, PubSub
from engine.api.envelope import EVENTS_TYPE, EnvelopeError, envelope
from engine.api.error import ApiError
from engine.api.lending import lending
from engine.api.parts import Lent, Missing, Parts
from engine.errors import EventError, JackfieldError


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of many; `id` is that of the entry, for the answer."""

    id: str
    data: bytes
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class Publish:
    def __init__(self, parts: Parts, app_id: str, clock: Clock) -> None:
        self._parts = parts
        self._app_id = app_id
        self._clock = clock

    async def one(self, pubsub: str, topic: str, data: bytes, content_type: str, metadata: Mapping[str, str]) -> None:
        errors = await self.many(pubsub, topic, [Entry("", data, content_type, metadata)])
        if errors:
            raise publish_error(pubsub, topic, errors[""])

    async def many(self, pubsub: str, topic: str, entries: Sequence[Entry]) -> Mapping[str, str]:
        """Why entries have failed, by their ids."""
        if not topic:
            raise _error("ERR_TOPIC_NAME_EMPTY", f"topic is empty in pubsub {pubsub}", "TOPIC_NAME_EMPTY", pubsub, 404)
        async with self._lent(pubsub) as lent:
            publications = [self._publication(pubsub, topic, entry) for entry in entries]
            try:
                errors: Sequence[EventError | None] = await lent.component.publish(topic, publications)
            except JackfieldError as error:
                raise publish_error(pubsub, topic, str(error)) from error
        return {entry.id: str(error) for entry, error in zip(entries, errors, strict=True) if error is not None}

    def _publication(self, pubsub: str, topic: str, entry: Entry) -> Publication:
        if entry.metadata.get("rawPayload", "").lower() == "true":
            return Publication(entry.data, entry.content_type, entry.metadata)
        names = {"topic": topic, "pubsubname": pubsub}
        try:
            wrapped = envelope(
                entry.data, entry.content_type, entry.metadata, names, source=self._app_id, now=self._clock.now()
            )
        except EnvelopeError as error:
            message = f"cannot create cloudevent: {error}"
            raise _error("ERR_PUBSUB_CLOUD_EVENTS_SER", message, "CLOUD_EVENT_CREATION", pubsub, 500) from error
        return Publication(wrapped, EVENTS_TYPE, entry.metadata)

    def _lent(self, pubsub: str) -> AbstractAsyncContextManager[Lent[PubSub]]:
        return lending(self._parts.pubsub(pubsub), partial(_missing, pubsub), partial(_closed, pubsub))


def publish_error(pubsub: str, topic: str, why: str) -> ApiError:
    message = f"error when publishing to topic {topic} in pubsub {pubsub}: {why}"
    metadata = {"topic": topic, "error": why}
    return ApiError(
        "ERR_PUBSUB_PUBLISH_MESSAGE",
        message,
        500,
        "INTERNAL",
        reason="DAPR_PUBSUB_PUBLISH_MESSAGE",
        resource=("pubsub", pubsub),
        metadata=metadata,
    )


def _missing(pubsub: str, missing: Missing) -> ApiError:
    if missing.others:
        return _error("ERR_PUBSUB_NOT_FOUND", f"pubsub {pubsub} not found", "NOT_FOUND", pubsub, 404)
    code, message = "ERR_PUBSUB_NOT_CONFIGURED", "pubsub is not configured"
    return _error(code, message, "NOT_CONFIGURED", pubsub, 400, "FAILED_PRECONDITION")


def _closed(pubsub: str, error: JackfieldError) -> ApiError:
    message = f"pubsub {pubsub} cannot be opened: {error}"
    return _error("ERR_PUBSUB_PUBLISH_MESSAGE", message, "PUBLISH_MESSAGE", pubsub, 500)


def _error(code: str, message: str, reason: str, pubsub: str, status: int, grpc: str = "INVALID_ARGUMENT") -> ApiError:
    return ApiError(code, message, status, grpc, reason=f"DAPR_PUBSUB_{reason}", resource=("pubsub", pubsub))
