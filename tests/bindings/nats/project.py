"""A stream, a component and what other programs do there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.js.client import JetStreamContext

from bindings.contract import Clock, InputBinding, PubSub, Received, Subscription
from bindings.nats import component
from tests.bindings.fakes import context


def metadata(url: str, **more: Any) -> Any:
    return component.metadata.model_validate({"natsURL": url, **more})


def make_pubsub(url: str, clock: Clock | None = None, **more: Any) -> PubSub:
    assert component.pubsub is not None
    return component.pubsub(metadata(url, **more), context("orders", clock))


@asynccontextmanager
async def opened(url: str, clock: Clock | None = None, **more: Any) -> AsyncIterator[PubSub]:
    pubsub = make_pubsub(url, clock, **more)
    try:
        await pubsub.open()
        yield pubsub
    finally:
        await pubsub.close()


@asynccontextmanager
async def reading(pubsub: PubSub, topic: str, consumer: str = "shop") -> AsyncIterator[InputBinding]:
    binding = pubsub.subscribe(Subscription(topic, consumer))
    try:
        await binding.open()
        yield binding
    finally:
        await binding.close()


async def read_all(binding: InputBinding, count: int) -> list[Received]:
    received: list[Received] = []
    while len(received) < count:
        received += await binding.read(100)
    return received


@asynccontextmanager
async def jetstream(url: str) -> AsyncIterator[JetStreamContext]:
    """As another program sees it."""
    client = await nats.connect(url)
    yield client.jetstream()
    await client.close()


async def add_stream(url: str, name: str, subjects: Sequence[str], **more: Any) -> None:
    async with jetstream(url) as stream:
        await stream.add_stream(name=name, subjects=list(subjects), **more)
