"""One connection to an MQTT broker: many publications or acknowledgements are one write.

It is written here and not taken from paho-mqtt, which reads a packet byte by byte, wants a thread to connect in, and
cannot say when an acknowledgement has reached the broker.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from bindings.mqtt import packets
from bindings.mqtt.packets import Delivery
from bindings.waiting import Waiting
from engine.errors import EventError, TimedOut, Unavailable

_TIMEOUT = 10.0  # seconds until the broker must have answered
_KEEP_ALIVE = 30  # seconds: the broker drops a client that is silent for one and a half of them
_LARGEST_ID = 65_535
_WINDOW = 1000  # messages that are sent and not acknowledged, of one call
_REFUSED = 0x80


@dataclass(frozen=True, slots=True)
class Login:
    client_id: str
    clean_session: bool
    user: str | None = None
    password: str | None = None


class Refused(Exception):
    """The broker does not take the connection. `code` is that of CONNACK (3.2.2.3)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Wire(asyncio.Protocol):
    """`on_message` is called with what comes in, `on_lost` when nothing can come any more."""

    def __init__(self, on_message: Callable[[Wire, Delivery], None], on_lost: Callable[[Wire], None]) -> None:
        loop = asyncio.get_running_loop()
        self.problem = ""
        self.session_present = False
        self._on_message = on_message
        self._on_lost = on_lost
        self._rest = b""
        self._connack: asyncio.Future[int] = loop.create_future()
        self._waiting: Waiting[int, EventError | int | None] = Waiting()  # PUBACK and SUBACK
        self._pongs: deque[asyncio.Future[None]] = deque()
        self._last_id = 0
        self._writable = asyncio.Event()
        self._closed = asyncio.Event()
        self._pausing: asyncio.Future[None] = loop.create_future()  # done while nothing is read
        self._beat: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None, login: Login) -> None:
        """Raises `OSError` or `TimeoutError` when the broker does not answer, `Refused` when it says no."""
        first = packets.connect(login.client_id, login.user, login.password, login.clean_session, _KEEP_ALIVE)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_TIMEOUT):
                await loop.create_connection(lambda: self, host, port, ssl=tls)
                self._transport.write(first)
                code = await self._connack
        except BaseException:
            await self.close()
            raise
        if code:
            await self.close()
            raise Refused(code)
        self._beat = loop.call_later(_KEEP_ALIVE / 2, self._keep_alive)

    async def subscribe(self, topic_filter: str, qos: int) -> bool:
        """Whether the broker allows it; raises `EventError` when it does not answer."""
        [packet_id] = self._new_ids(1)
        batch = self._waiting.expect([packet_id])
        self._transport.write(packets.subscribe(packet_id, topic_filter, qos))
        [answer] = await batch.answers(_TIMEOUT, _late)
        if isinstance(answer, EventError):
            raise answer
        return answer != _REFUSED

    async def publish(self, messages: Sequence[tuple[str, bytes, bool]], qos: int) -> list[EventError | None]:
        """Topics, payloads and whether each is retained. Returns when the broker has taken them; QoS 0 when they are
        written. Raises `ValueError` for a message that is too long.
        """
        outcomes: list[EventError | None] = []
        for start in range(0, len(messages), _WINDOW):
            outcomes += await self._publish(messages[start : start + _WINDOW], qos)
        return outcomes

    async def acknowledge(self, packet_ids: Iterable[int]) -> None:
        """Returns when the broker has taken them: it answers a ping after what came before it. When the connection is
        lost, it gives the messages out again. Raises `TimedOut`.
        """
        if self.problem:
            return
        self._transport.write(b"".join([packets.puback(packet_id) for packet_id in packet_ids]))
        await self._writable.wait()
        if self.problem or self._pausing.done():
            return
        # While nothing is read, the answer waits behind the messages, and they behind this one's room.
        done, _ = await asyncio.wait(
            {self._ping(), self._pausing}, timeout=_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            raise _late()

    def pause(self, paused: bool) -> None:
        """Stops reading, and goes on with it: the broker may send faster than its messages are wanted."""
        if paused == self._pausing.done() or self.problem:
            return
        if paused:
            self._pausing.set_result(None)
            self._transport.pause_reading()
        else:
            self._pausing = asyncio.get_running_loop().create_future()
            self._transport.resume_reading()

    async def close(self) -> None:
        if hasattr(self, "_transport"):
            if not self.problem:
                self._transport.write(packets.DISCONNECT)
            self._transport.close()
            try:
                async with asyncio.timeout(1.0):
                    await self._closed.wait()
            except TimeoutError:  # TLS waits for a farewell of the other side
                self._transport.abort()
                await self._closed.wait()

    async def _publish(self, messages: Sequence[tuple[str, bytes, bool]], qos: int) -> Sequence[EventError | None]:
        ids = self._new_ids(len(messages)) if qos else [0] * len(messages)
        run = [
            packets.publish(topic, payload, qos=qos, retain=retain, packet_id=packet_id)
            for packet_id, (topic, payload, retain) in zip(ids, messages, strict=True)
        ]
        batch = self._waiting.expect(ids if qos else [])
        if self.problem:
            self._waiting.end(Unavailable(self.problem))
        else:
            self._transport.write(b"".join(run))
        if qos:
            answers = await batch.answers(_TIMEOUT, _late)
            return [answer if isinstance(answer, EventError) else None for answer in answers]
        await self._writable.wait()
        return [Unavailable(self.problem) if self.problem else None] * len(messages)

    def _new_ids(self, count: int) -> list[int]:
        ids: list[int] = []
        for _ in range(_LARGEST_ID):
            if len(ids) == count:
                return ids
            self._last_id = self._last_id % _LARGEST_ID + 1
            if self._last_id not in self._waiting:
                ids.append(self._last_id)
        raise Unavailable("65,535 messages wait for the broker's acknowledgement")

    def _ping(self) -> asyncio.Future[None]:
        pong: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pongs.append(pong)
        self._transport.write(packets.PINGREQ)
        return pong

    def _keep_alive(self) -> None:
        if self._pongs and not self._pausing.done():
            self._break("the broker is silent")
            return
        self._ping()
        self._beat = asyncio.get_running_loop().call_later(_KEEP_ALIVE / 2, self._keep_alive)

    def _break(self, reason: str) -> None:
        self.problem = self.problem or reason
        self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at = 0
        try:
            while (packet := packets.split(data, at)) is not None:
                first, body, at = packet
                self._take(first, body)
        except packets.Malformed as error:
            self._break(f"the broker has sent {error}")
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.problem = self.problem or f"the connection was lost{f': {exc}' if exc else ''}"
        self._closed.set()
        self._writable.set()
        if self._beat is not None:
            self._beat.cancel()
        if not self._connack.done():
            self._connack.set_exception(ConnectionError(self.problem))
            self._connack.exception()  # whoever connects may have given up
        self._waiting.end(Unavailable(self.problem))
        self._answer_pings()
        self._on_lost(self)

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == packets.PUBLISH:
            self._on_message(self, packets.read_publish(first, body))
        elif kind == packets.PUBACK:
            self._waiting.answer(packets.read_puback(body), None)
        elif kind == packets.SUBACK:
            self._waiting.answer(*packets.read_suback(body))
        elif kind == packets.PINGRESP:
            if self._pongs:
                self._pongs.popleft().set_result(None)
        elif kind == packets.CONNACK and not self._connack.done():
            self.session_present, code = packets.read_connack(body)
            self._connack.set_result(code)
        else:
            raise packets.Malformed(f"a packet of type {kind}")

    def _answer_pings(self) -> None:
        while self._pongs:
            self._pongs.popleft().set_result(None)


def _late() -> EventError:
    return TimedOut(f"the broker has not answered within {_TIMEOUT:.0f} s")
