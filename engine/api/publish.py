"""Dapr's publishing: messages wrapped in CloudEvents, for the topics of pub/sub components.

Source: Dapr, Pub/sub API; dapr/components-contrib, pubsub/envelope.go; dapr/dapr, pkg/api/errors/pubsub.go.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from bindings.contract import Clock, Publication, PubSub
from bindings.metadata import PubSubMetadata
from engine.api.envelope import EnvelopeError, envelope
from engine.api.error import ApiError, Detail, ErrorInfo, ResourceInfo
from engine.api.lending import lending
from engine.api.parts import Lent, Missing, Parts
from engine.errors import EventError, JackfieldError
from engine.event import EVENT_TYPE
from engine.topic_scopes import may_publish

# What Go takes as a boolean (strconv.ParseBool).
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("", "0", "f", "F", "false", "FALSE", "False")


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

    @contextlib.asynccontextmanager
    async def opened(self, pubsub: str, topic: str, metadata: Mapping[str, str]) -> AsyncIterator[AppTopic]:
        """The topic, for one call; `metadata` is that of the request. Raises `ApiError`, also before the rest of the
        request has been looked at.
        """
        if not pubsub:
            raise _error("ERR_PUBSUB_EMPTY", "pubsub name is empty", "NAME_EMPTY", pubsub, metadata, status=404)
        part = self._parts.pubsub(pubsub)
        missing, closed = partial(_missing, pubsub, metadata), partial(_closed, pubsub, topic)
        async with lending(part, missing, closed) as lent:
            if not topic:
                message = f"topic is empty in pubsub {pubsub}"
                raise _error("ERR_TOPIC_NAME_EMPTY", message, "TOPIC_NAME_EMPTY", pubsub, metadata, status=404)
            yield AppTopic(lent, topic, metadata, self._app_id, self._clock)


class AppTopic:
    """A topic as the app may use it."""

    def __init__(self, lent: Lent[PubSub], topic: str, metadata: Mapping[str, str], app_id: str, clock: Clock) -> None:
        self._lent = lent
        self._pubsub = lent.use.name
        self._topic = topic
        self._metadata = metadata
        self._app_id = app_id
        self._clock = clock
        self._is_raw = self._raw_payload()

    async def publish(self, data: bytes, content_type: str, trace: Mapping[str, str]) -> None:
        """`trace`: the W3C trace context of the request."""
        errors = await self.publish_many([Entry("", data, content_type, self._metadata)], trace)
        if errors:
            raise self.publish_error(errors[""])

    async def publish_many(self, entries: Sequence[Entry], trace: Mapping[str, str]) -> Mapping[str, str]:
        """Why entries have failed, by their ids."""
        if len({entry.id for entry in entries}) < len(entries):
            raise self.events_error("MARSHAL_EVENTS", "entryId is duplicated or not present for entry")
        publications = [self._publication(entry, trace) for entry in entries]
        settings = self._lent.use.settings
        if isinstance(settings, PubSubMetadata) and not may_publish(settings, self._app_id, self._topic):
            raise self._forbidden()
        try:
            errors: Sequence[EventError | None] = (
                await self._lent.component.publish(self._topic, publications) if publications else []
            )
        except JackfieldError as error:
            raise self.publish_error(str(error)) from error
        return {entry.id: str(error) for entry, error in zip(entries, errors, strict=True) if error is not None}

    def events_error(self, reason: str, why: str) -> ApiError:
        """An entry of many is not what it should be."""
        what = {
            "MARSHAL_EVENTS": f"error marshaling events to bytes for topic {self._topic} pubsub {self._pubsub}. error",
            "UNMARSHAL_EVENTS": f"error when unmarshaling the request for topic {self._topic} pubsub {self._pubsub}",
            "MARSHAL_ENVELOPE": "error when marshalling cloud event envelope for "
            f"topic {self._topic} pubsub {self._pubsub}",
        }[reason]
        told = {"appID": self._app_id} if reason == "UNMARSHAL_EVENTS" else {"appID": self._app_id, "error": why}
        return _error("ERR_PUBSUB_EVENTS_SER", f"{what}: {why}", reason, self._pubsub, told)

    def publish_error(self, why: str) -> ApiError:
        return _publish_error(self._pubsub, self._topic, why)

    def _publication(self, entry: Entry, trace: Mapping[str, str]) -> Publication:
        if self._is_raw:
            return Publication(entry.data, entry.content_type, entry.metadata)
        names = {"topic": self._topic, "pubsubname": self._pubsub}
        ttl = self._ttl(entry.metadata) if not self._lent.use.manifest.native_ttl else None
        now = self._clock.now()
        try:
            wrapped = envelope(
                entry.data,
                entry.content_type,
                entry.metadata,
                names,
                source=self._app_id,
                now=now,
                expires=None if ttl is None else now + ttl,
                trace=trace,
            )
        except EnvelopeError as error:
            told = {"appID": self._app_id, "error": str(error)}
            code, message = "ERR_PUBSUB_CLOUD_EVENTS_SER", "cannot create cloudevent"
            raise _error(code, message, "CLOUD_EVENT_CREATION", self._pubsub, told, status=500) from error
        return Publication(wrapped, EVENT_TYPE, entry.metadata)

    def _raw_payload(self) -> bool:
        given = self._metadata.get("rawPayload", "")
        if given in _TRUE or given in _FALSE:
            return given in _TRUE
        raise self._metadata_error(f"rawPayload value must be a valid boolean: actual is '{given}'")

    def _ttl(self, metadata: Mapping[str, str]) -> int | None:
        """Seconds."""
        text = metadata.get("ttlInSeconds")
        if text is None:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) < 2**31:
            return int(text)
        raise self._metadata_error(f"ttlInSeconds must be a whole number of seconds above zero; it is {text!r}")

    def _metadata_error(self, why: str) -> ApiError:
        message = f"failed deserializing metadata. Error: {why}"
        return _error("ERR_PUBSUB_REQUEST_METADATA", message, "METADATA_DESERIALIZATION", self._pubsub, self._metadata)

    def _forbidden(self) -> ApiError:
        message = f"topic {self._topic} is not allowed for app id {self._app_id}"
        told = {"topic": self._topic, "error": message}
        code, grpc = "ERR_PUBSUB_FORBIDDEN", "PERMISSION_DENIED"
        return _error(code, message, "FORBIDDEN", self._pubsub, told, status=403, grpc=grpc)


def _missing(pubsub: str, metadata: Mapping[str, str], missing: Missing) -> ApiError:
    details = [ErrorInfo("DAPR_PUBSUB_NOT_FOUND", metadata)]
    message = f"pubsub {pubsub} is not found"
    return ApiError("ERR_PUBSUB_NOT_FOUND", message, 404, "INVALID_ARGUMENT", details=details)


def _closed(pubsub: str, topic: str, error: JackfieldError) -> ApiError:
    return _publish_error(pubsub, topic, f"the component cannot be opened: {error}")


def _publish_error(pubsub: str, topic: str, why: str) -> ApiError:
    message = f"error when publishing to topic {topic} in pubsub {pubsub}: {why}"
    told = {"topic": topic, "error": why}
    code, grpc = "ERR_PUBSUB_PUBLISH_MESSAGE", "INTERNAL"
    return _error(code, message, "PUBLISH_MESSAGE", pubsub, told, status=500, grpc=grpc)


def _error(
    code: str,
    message: str,
    reason: str,
    pubsub: str,
    metadata: Mapping[str, str],
    *,
    status: int = 400,
    grpc: str = "INVALID_ARGUMENT",
) -> ApiError:
    details: list[Detail] = [ResourceInfo("pubsub", pubsub, message), ErrorInfo(f"DAPR_PUBSUB_{reason}", metadata)]
    return ApiError(code, message, status, grpc, details=details)
