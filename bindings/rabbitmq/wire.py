"""A connection's bytes: the frames of messages go to their lane, everything else to aio-pika, which opened it.

server -> Wire.data_received -> Lane      deliveries and confirms of a channel that has a lane
                             -> aio-pika  the handshake, channels, topology, heartbeats, closing
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Protocol

from aiormq.connection import TransportFactory
from yarl import URL

from bindings.rabbitmq import frames

_HEARTBEAT = frames.frame(frames.HEARTBEAT, 0, b"")
_HEARTBEAT_EVERY = 5.0  # seconds
_OWN = {frames.DELIVER, frames.RETURN, frames.ACK, frames.NACK}


class Lane(Protocol):
    """One channel's messages, or the confirms of those that were sent on it."""

    def method(self, method: int, payload: bytes) -> None: ...  # Basic.Deliver, Return, Ack, Nack
    def header(self, payload: bytes) -> None: ...
    def body(self, payload: bytes) -> None: ...
    def broken(self, reason: str) -> None: ...  # nothing comes any more


class Wire(asyncio.StreamReaderProtocol):
    """The protocol of one connection. `attach` gives a channel to a lane. `is_lost`: nothing comes or goes any more."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader, loop=asyncio.get_running_loop())
        self._lanes: dict[int, Lane] = {}
        self._rest = b""
        self._told = time.monotonic()
        self.is_lost = False
        self.writer: asyncio.StreamWriter

    def attach(self, channel: int, lane: Lane) -> None:
        self._lanes[channel] = lane

    def detach(self, channel: int, lane: Lane) -> None:
        """The channel is closed, and its number may be another's already."""
        if self._lanes.get(channel) is lane:
            del self._lanes[channel]

    async def send(self, run: bytes) -> None:
        """Whole frames, in one piece among those of aio-pika. When the connection breaks, the lanes are told."""
        with contextlib.suppress(OSError):
            self.writer.write(run)
            await self.writer.drain()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if data[:4] == b"AMQP":  # a server of another version says so without a frame
            super().data_received(data)
            return
        at, size = 0, len(data)
        passed: list[bytes] = []
        while size - at >= frames.OVERHEAD:
            kind, channel, length = frames.FRAME.unpack_from(data, at)
            end = at + frames.OVERHEAD + length
            if end > size:
                break
            lane = self._lanes.get(channel)
            if lane is None or not self._took(lane, kind, data[at + frames.FRAME.size : end - 1]):
                passed.append(data[at:end])
            at = end
        self._rest = data[at:]
        self._pass_on(passed)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.is_lost = True
        for lane in list(self._lanes.values()):
            lane.broken(f"the connection was lost{f': {exc}' if exc else ''}")
        self._lanes.clear()

    @staticmethod
    def _took(lane: Lane, kind: int, payload: bytes) -> bool:
        if kind == frames.BODY:
            lane.body(payload)
        elif kind == frames.HEADER:
            lane.header(payload)
        elif (method := frames.method_of(payload)) in _OWN:
            lane.method(method, payload)
        else:
            if method == frames.CANCEL:
                lane.broken("the queue was deleted")
            return False
        return True

    def _pass_on(self, passed: list[bytes]) -> None:
        # The server sends no heartbeat while it sends messages, of which aio-pika sees nothing.
        now = time.monotonic()
        if passed or now - self._told >= _HEARTBEAT_EVERY:
            self._told = now
            super().data_received(b"".join(passed) or _HEARTBEAT)


class WireFactory(TransportFactory):
    """Makes the transport of one connection, and keeps its wire."""

    wire: Wire

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tls = await kwargs.pop("ssl_context_provider").get_context() if url.scheme == "amqps" else None
        kwargs.pop("ssl_context_provider", None)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        transport, self.wire = await loop.create_connection(
            lambda: Wire(reader), url.host or "", url.port or 0, ssl=tls, **kwargs
        )
        writer = asyncio.StreamWriter(transport, self.wire, reader, loop)
        self.wire.writer = writer
        return reader, writer
