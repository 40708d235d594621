from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from bindings.contract import Publication, PubSub
from bindings.metadata import PubSubMetadata
from engine.api.error import ApiError
from engine.api.parts import Lent, Parts
from engine.api.publish import Entry, Publish
from engine.clock import VirtualClock
from engine.components import Use
from engine.errors import EventError, Retryable
from engine.registry import component_type

ENTRIES = [Entry(id, b"1", "application/json") for id in "abc"]


class Topics:
    """`failing`: the places of the messages that fail."""

    def __init__(self, failing: Sequence[int] = ()) -> None:
        self.published: list[Publication] = []
        self._failing = failing

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        self.published += publications
        return [Retryable("it is full") if at in self._failing else None for at, _ in enumerate(publications)]


class Lending:
    def __init__(self, topics: Topics, native_ttl: bool = False) -> None:
        manifest = replace(component_type("pubsub.in-memory"), native_ttl=native_ttl)
        self._lent = Lent(Use("pubsub", manifest, PubSubMetadata(), "1"), cast(PubSub, topics))

    @asynccontextmanager
    async def pubsub(self, name: str) -> AsyncIterator[Lent[PubSub]]:
        yield self._lent


def publish(topics: Topics, native_ttl: bool = False) -> Publish:
    return Publish(cast(Parts, Lending(topics, native_ttl)), "shop", VirtualClock(0.0))


@pytest.mark.parametrize("native_ttl", [True, False])
async def test_expiration_is_for_systems_that_have_none_of_their_own(native_ttl: bool) -> None:
    topics, metadata = Topics(), {"ttlInSeconds": "60"}
    async with publish(topics, native_ttl).opened("pubsub", "orders", metadata) as topic:
        await topic.publish(b"1", "application/json", {})
    (publication,) = topics.published
    assert json.loads(publication.data).get("expiration") == (None if native_ttl else "1970-01-01T00:01:00.000Z")
    assert publication.metadata == metadata


@pytest.mark.parametrize(("given", "is_raw"), [("true", True), ("1", True), ("F", False), ("", False)])
async def test_raw_payload_goes_as_it_is(given: str, is_raw: bool) -> None:
    topics = Topics()
    async with publish(topics).opened("pubsub", "orders", {"rawPayload": given}) as topic:
        await topic.publish(b"raw", "text/plain", {})
    (publication,) = topics.published
    assert (publication.data == b"raw") is is_raw


async def test_what_has_failed_of_many_is_told_by_its_id() -> None:
    async with publish(Topics([1])).opened("pubsub", "orders", {}) as topic:
        assert await topic.publish_many(ENTRIES, {}) == {"b": "it is full"}


@pytest.mark.parametrize(
    "metadata", [{"rawPayload": "maybe"}, {"ttlInSeconds": "0"}, {"ttlInSeconds": "soon"}, {"ttlInSeconds": "9" * 5000}]
)
async def test_wrong_metadata_is_an_error_of_the_request(metadata: Mapping[str, str]) -> None:
    topics: Any = Topics()
    with pytest.raises(ApiError) as caught:
        async with publish(topics).opened("pubsub", "orders", metadata) as topic:
            await topic.publish(b"1", "text/plain", {})
    assert caught.value.code == "ERR_PUBSUB_REQUEST_METADATA"
    assert (caught.value.status, topics.published) == (400, [])
