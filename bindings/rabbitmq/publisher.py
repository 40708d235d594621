"""The lane of a publisher: messages go out in one write, and the server confirms many of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bindings.rabbitmq import frames
from bindings.rabbitmq.wire import Wire
from engine.errors import EventError, Unavailable

_MOST_METHODS = 10_000  # a routing key may be made of data


@dataclass(slots=True)
class _Batch:
    """Messages of one write, by the number of the first; done when each is confirmed or failed."""

    first: int
    open: int
    done: asyncio.Future[None]
    errors: dict[int, EventError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to an exchange (none: by the default one to the queue that `key` names)."""

    exchange: str
    key: str
    properties: bytes
    body: bytes


class Publisher:
    """Publishes on one channel with publisher confirms (https://www.rabbitmq.com/docs/confirms).

    What goes to a queue must find it (`mandatory`); an exchange without queues drops what it gets. `name`: of what is
    published to, for a person.
    """

    def __init__(self, wire: Wire, channel: int, name: str, frame_max: int) -> None:
        self.problem = ""
        self._wire = wire
        self._channel = channel
        self._name = name
        self._frame_max = frame_max
        self._methods: dict[tuple[str, str], bytes] = {}
        self._sent = 0
        self._open: dict[int, _Batch] = {}  # by the number of each message, in their order
        wire.attach(channel, self)

    async def publish(self, messages: Sequence[Outgoing]) -> Sequence[EventError | None]:
        """Returns when the server has each safe, or not."""
        if self.problem:
            return [Unavailable(self.problem)] * len(messages)
        batch = _Batch(self._sent + 1, len(messages), asyncio.get_running_loop().create_future())
        self._open.update(dict.fromkeys(range(batch.first, batch.first + len(messages)), batch))
        self._sent += len(messages)
        await self._wire.send(b"".join(self._frames(messages)))
        await batch.done
        return [batch.errors.get(batch.first + index) for index in range(len(messages))]

    def _frames(self, messages: Sequence[Outgoing]) -> Iterable[bytes]:
        for message in messages:
            yield self._method(message.exchange, message.key)
            yield frames.content_frames(self._channel, message.properties, message.body, self._frame_max)

    def _method(self, exchange: str, key: str) -> bytes:
        known = self._methods.get((exchange, key))
        if known is None:
            if len(self._methods) >= _MOST_METHODS:
                self._methods.clear()
            known = frames.publish_method(self._channel, exchange, key, mandatory=not exchange)
            self._methods[exchange, key] = known
        return known

    # What the wire brings

    def method(self, method: int, payload: bytes) -> None:
        if method == frames.RETURN:
            # It does not say which message. One queue, so none of those under way can be routed.
            self._fail(list(self._open), f"{self._name} is not there: {frames.read_return(payload)}")
            self.broken("the queue is gone")
            return
        number, multiple = frames.read_confirm(payload)
        confirmed = self._up_to(number) if multiple else [number]
        if method == frames.NACK:
            self._fail(confirmed, f"RabbitMQ could not take the message into {self._name}")
        for number in confirmed:
            self._confirm(number)

    def header(self, payload: bytes) -> None:
        """Of a message that came back."""

    def body(self, payload: bytes) -> None:
        """Of a message that came back."""

    def broken(self, reason: str) -> None:
        self.problem = self.problem or f"{self._name}: {reason}"
        self._fail(list(self._open), self.problem)
        for number in list(self._open):
            self._confirm(number)

    def _up_to(self, number: int) -> list[int]:
        confirmed = []
        for one in self._open:
            if one > number:
                break
            confirmed.append(one)
        return confirmed

    def _fail(self, numbers: Iterable[int], reason: str) -> None:
        for number in numbers:
            if (batch := self._open.get(number)) is not None:
                batch.errors.setdefault(number, Unavailable(reason))

    def _confirm(self, number: int) -> None:
        if (batch := self._open.pop(number, None)) is None:
            return
        batch.open -= 1
        if batch.open == 0 and not batch.done.done():
            batch.done.set_result(None)
