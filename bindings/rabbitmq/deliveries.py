"""The lane of a consumer: deliveries come in, acknowledgements go out, many of each at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from bindings.rabbitmq import frames
from bindings.rabbitmq.wire import Wire
from engine.errors import NotReady


@dataclass(slots=True)
class Delivery:
    """One message as the server gave it out. `tag` counts the deliveries of a channel."""

    tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    properties: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""


class Deliveries:
    """Holds what the server has sent and nobody has read, at most the prefetch count."""

    def __init__(self, wire: Wire, channel: int) -> None:
        self.problem = ""
        self._wire = wire
        self._channel = channel
        self._ready: deque[Delivery] = deque()
        self._open: deque[int] = deque()  # the tags that are not acknowledged yet, or are and not the lowest
        self._settled: set[int] = set()
        self._arrived = asyncio.Event()
        self._coming = Delivery(0, False, "", "")
        self._missing = 0
        self._parts: list[bytes] = []
        wire.attach(channel, self)

    async def take(self, limit: int) -> Sequence[Delivery]:
        """Waits for at least one; raises `NotReady` when none can come any more."""
        while not self._ready:
            if self.problem:
                raise NotReady(self.problem)
            self._arrived.clear()
            await self._arrived.wait()
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    async def settle(self, done: Collection[int], back: Collection[int], dead: Collection[int] = ()) -> None:
        """Acknowledges the tags of `done`, gives those of `back` to the queue again, and rejects those of `dead`;
        unknown ones are ignored.
        """
        known = self._open_tags(done, back, dead)
        if self.problem or not known:
            return
        run = [frames.requeue(self._channel, tag) for tag in back if tag in known]
        run += [frames.reject(self._channel, tag) for tag in dead if tag in known]
        self._settled.update(known)
        acknowledged = {tag for tag in done if tag in known}
        run += self._acks(acknowledged)
        await self._wire.send(b"".join(run))

    def _open_tags(self, *tags: Collection[int]) -> set[int]:
        return {tag for tag in chain(*tags) if tag not in self._settled and self._open and tag >= self._open[0]}

    def _acks(self, acknowledged: set[int]) -> list[bytes]:
        """One frame for all up to the lowest that is still open, one for each of the others."""
        highest = 0
        while self._open and self._open[0] in self._settled:
            tag = self._open.popleft()
            self._settled.discard(tag)
            if tag in acknowledged:
                highest = tag
                acknowledged.discard(tag)
        first = [frames.ack(self._channel, highest, multiple=True)] if highest else []
        return first + [frames.ack(self._channel, tag, multiple=False) for tag in sorted(acknowledged)]

    # What the wire brings

    def method(self, method: int, payload: bytes) -> None:
        if method == frames.DELIVER:
            self._coming = Delivery(*frames.read_delivery(payload))

    def header(self, payload: bytes) -> None:
        content = frames.read_content(payload)
        self._coming.properties, self._missing = content.properties, content.size
        if not self._missing:
            self._complete()

    def body(self, payload: bytes) -> None:
        self._parts.append(payload)
        self._missing -= len(payload)
        if self._missing <= 0:
            self._complete()

    def broken(self, reason: str) -> None:
        """What was given out and is not acknowledged comes again from the server; what nobody has read is dropped."""
        self.problem = self.problem or reason
        self._ready.clear()
        self._open.clear()
        self._settled.clear()
        self._arrived.set()

    def _complete(self) -> None:
        self._coming.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if not self.problem:
            self._open.append(self._coming.tag)
            self._ready.append(self._coming)
            self._arrived.set()
