"""Streaming subscriptions: pipelines that run for as long as an app keeps a stream open.

Each is made like that of a Subscription document, so that its messages are retried, dead-lettered and replayed in the
same way; only its call goes to the stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import TypeAlias

import yaml

from bindings.store import Store
from engine.builder import Builder, Built
from engine.definitions.check import Definitions
from engine.definitions.dapr import SubscriptionSpec
from engine.definitions.document import Document
from engine.definitions.folder import File, Located
from engine.definitions.pipeline import Pipeline
from engine.definitions.source import Source
from engine.definitions.subscriptions import streamed
from engine.errors import NotReady
from engine.event import Event
from engine.observer import Counts
from engine.replay import queue_name
from engine.revision import revision_of
from engine.slot import Lifecycle, to_the_end

Deliver: TypeAlias = Callable[[Event], Awaitable[str]]
"""Brings an event to the app and returns its answer, SUCCESS, RETRY or DROP; who waits is cancelled when the stream is
gone.
"""
_GRACE = 2.0  # seconds for what the app has answered to be settled after its stream has ended


class Streaming:
    """One streaming subscription while it runs. `ended` is set when it cannot go on, with the reason."""

    def __init__(self, wanted: SubscriptionSpec, built: Built, drain: float) -> None:
        self.wanted = wanted
        self.ended = asyncio.Event()
        self.reason = ""
        self.closed = asyncio.Event()
        self._built = built
        self._drain = drain
        self._stopping: asyncio.Task[None] | None = None

    @property
    def pipeline(self) -> Located[Pipeline]:
        return self._built.pipeline

    @property
    def revision(self) -> str:
        return self._built.run.flow.revision

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.ended.set()

    async def finish(self) -> None:
        """Takes no more messages, and waits for the answers to those that the app has."""
        await self._stop(self._drain)

    async def close(self) -> None:
        """What the app has not answered is given out again."""
        try:
            await self._stop(_GRACE)
        finally:
            try:
                await self._built.close()
            finally:
                self.closed.set()

    async def _stop(self, timeout: float) -> None:
        self._stopping = self._stopping or asyncio.create_task(self._built.run.stop(timeout))
        await asyncio.shield(self._stopping)


class Streams:
    """All streams of the engine. `app_id`: who subscribes; `drain`: seconds for what is under way when it stops."""

    def __init__(
        self, store: Store, counts: MutableMapping[str, Counts], lifecycle: Lifecycle, app_id: str, drain: float
    ) -> None:
        self._store = store
        self._counts = counts
        self._lifecycle = lifecycle
        self._app_id = app_id
        self._drain = drain
        self._running: set[Streaming] = set()
        self._closing = False

    @property
    def wanted(self) -> list[SubscriptionSpec]:
        """What is subscribed to now."""
        return [one.wanted for one in self._running]

    def apply(self, definitions: Definitions) -> None:
        """A stream whose component has changed ends; the app opens it again."""
        for one in self._running:
            if one.wanted.pubsubname not in definitions.components:
                one.end(f"the component {one.wanted.pubsubname} is not there any more")
            elif revision_of(one.pipeline, definitions) != one.revision:
                one.end(f"the component {one.wanted.pubsubname} has changed")

    async def close(self) -> None:
        """Returns when all have ended."""
        self._closing = True
        running = list(self._running)
        for one in running:
            one.end("the engine stops")
        await asyncio.gather(*(one.closed.wait() for one in running))

    @contextlib.asynccontextmanager
    async def opened(
        self, wanted: SubscriptionSpec, deliver: Deliver, definitions: Definitions, builder: Builder
    ) -> AsyncIterator[Streaming]:
        """Reads the topic until it is left; raises `DefinitionError` or `NotReady` when it cannot."""
        if self._closing:
            raise NotReady("the engine stops")
        name = _name(wanted, self._app_id)
        pipeline = Located(streamed(name, wanted, self._app_id, deliver), _document(definitions.root, name, wanted))
        revision, counts = revision_of(pipeline, definitions), self._counts.setdefault(name, Counts())
        replays = self._store.queue(queue_name(name))
        built = await builder.build(pipeline, definitions, revision, counts, replays)
        stream = Streaming(wanted, built, self._drain)
        try:
            await built.open_input()
            built.run.start()
            self._running.add(stream)
            self._lifecycle.started(name, revision, pipeline.document.shown)
            yield stream
        finally:
            self._running.discard(stream)
            await to_the_end(stream.close())
            self._lifecycle.stopped(name)


def _name(wanted: SubscriptionSpec, app: str) -> str:
    """That of the pipeline: the same whenever the same is subscribed to, so that its dead letters can be replayed."""
    given = (wanted.pubsubname, wanted.topic, app)
    parts = [re.sub(r"[^A-Za-z0-9-]", "-", part).strip("-")[:60] for part in given]
    if tuple(parts) != given:
        parts.append(hashlib.sha256("\0".join(given).encode()).hexdigest()[:8])
    return ".".join(["stream", *(part for part in parts if part)])


def _document(root: Path, name: str, wanted: SubscriptionSpec) -> Document:
    """It is nowhere on the disk."""
    spec = wanted.model_dump(by_alias=True, exclude_none=True)
    head = {"apiVersion": "dapr.io/v2alpha1", "kind": "Subscription", "metadata": {"name": name}}
    text = yaml.safe_dump({**head, "spec": spec}, sort_keys=False, allow_unicode=True)
    (definition,) = File.of(Source(root / ".dapr" / "stream" / f"{name}.yaml", f"stream {name}", text)).definitions
    return definition.document
