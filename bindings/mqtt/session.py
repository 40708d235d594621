"""The session of one client id at the broker, and what it has given out.

A broker knows a client by its id, and ends the older of two connections with the same one. So all readers of a client
id in this process share one connection, and its messages.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4
from weakref import WeakKeyDictionary

from bindings.mqtt.broker import connect
from bindings.mqtt.metadata import BrokerMetadata
from bindings.mqtt.packets import Delivery
from bindings.mqtt.wire import Wire
from engine.errors import DefinitionError, EventError, NotReady

_MANY = 10_000  # messages that nobody has read: no more are taken in until half of them are


@dataclass(slots=True, eq=False)
class Message:
    """A delivery, over which connection it came, and how often the message has come."""

    delivery: Delivery
    wire: Wire
    id: str
    attempt: int = 1
    is_out: bool = False  # somebody has read it, and has not given it back


@dataclass(frozen=True, slots=True)
class Source:
    """What is read, and how."""

    client_id: str
    topic_filter: str
    qos: int = 1
    clean: bool = False


class Session:
    def __init__(self, source: Source) -> None:
        self.source = source
        self._wire: Wire | None = None
        self._users = 0
        self._connecting = asyncio.Lock()
        self._subscribed = False
        self._prefix = uuid4().hex
        self._numbers = itertools.count(1)
        self._ready: deque[Message] = deque()
        self._arrived = asyncio.Event()
        # Not acknowledged, by packet id: when it comes again, it is known by that, and has the id that it had.
        self._known: dict[int, Message] = {}

    @property
    def is_used(self) -> bool:
        return self._users > 0

    @property
    def is_over(self) -> bool:
        """Nobody uses it, and there is nothing to remember."""
        return not self._users and not self._known

    async def enter(self, metadata: BrokerMetadata) -> None:
        """Connects and subscribes, unless it is; raises `DefinitionError` and `NotReady`."""
        self._users += 1
        try:
            async with self._connecting:
                if self._wire is None or self._wire.problem:
                    await self._connect(metadata)
        except BaseException:
            self._users -= 1
            raise

    async def leave(self, held: Iterable[Message]) -> None:
        """The last one disconnects: the broker gives out again what is not acknowledged. Else the others get it."""
        self._users -= 1
        async with self._connecting:
            if self._users:
                self.give_back(held)
            elif self._wire is not None:
                wire, self._wire = self._wire, None
                await wire.close()

    async def take(self, limit: int) -> Sequence[Message]:
        """Waits for at least one; raises `NotReady` when none can come any more."""
        while not self._ready:
            if self._wire is None or self._wire.problem:
                why = self._wire.problem if self._wire is not None else "the session is closed"
                hint = f"when this goes on, another program uses the client id {self.source.client_id}"
                raise NotReady(f"{why}; {hint}")
            self._arrived.clear()
            await self._arrived.wait()
        taken = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        for message in taken:
            message.is_out = True
        if self._wire is not None and len(self._ready) < _MANY // 2:
            self._wire.pause(False)
        return taken

    async def acknowledge(self, messages: Iterable[Message]) -> None:
        """Returns when the broker has taken it; raises `TimedOut`. What came over a former connection comes again.

        None is acknowledged twice: the broker may have given its packet id to another message meanwhile.
        """
        wire = self._wire
        if wire is None or wire.problem:
            return
        packet_ids = [one.delivery.packet_id for one in messages if one.wire is wire and self._knows(one)]
        for packet_id in packet_ids:
            del self._known[packet_id]
        if packet_ids:
            await wire.acknowledge(packet_ids)

    def give_back(self, messages: Iterable[Message]) -> None:
        """To the front, in their order. MQTT has no word for it, so they wait here."""
        mine = [one for one in messages if one.is_out and one.wire is self._wire]
        for message in mine:
            message.is_out = False
            message.attempt += 1
        self._ready.extendleft(reversed(mine))
        self._arrived.set()

    def _knows(self, message: Message) -> bool:
        return self._known.get(message.delivery.packet_id) is message

    async def _connect(self, metadata: BrokerMetadata) -> None:
        source = self.source
        wire = await connect(
            metadata, source.client_id, clean_session=source.clean, on_message=self._arrive, on_lost=self._lost
        )
        try:
            if not wire.session_present:
                self._known.clear()
                self._subscribed = False
            # To subscribe again would bring the retained messages again.
            if not self._subscribed and not await wire.subscribe(source.topic_filter, source.qos):
                what = f"the MQTT broker at {metadata.shown} does not let us read {source.topic_filter}"
                raise DefinitionError(what, hint="its access control, or the filter is none")
        except BaseException as error:
            await wire.close()
            if isinstance(error, EventError):
                raise NotReady(f"the MQTT broker at {metadata.shown} does not answer: {error}") from error
            raise
        self._subscribed = True
        self._wire = wire

    def _arrive(self, wire: Wire, delivery: Delivery) -> None:
        message = Message(delivery, wire, f"{self._prefix}-{next(self._numbers)}", 2 if delivery.duplicate else 1)
        if delivery.qos:
            before = self._known.get(delivery.packet_id) if delivery.duplicate else None
            if before is not None and before.delivery.payload == delivery.payload:
                message.id, message.attempt = before.id, before.attempt + 1
            self._known[delivery.packet_id] = message
        self._ready.append(message)
        self._arrived.set()
        if len(self._ready) >= _MANY:
            wire.pause(True)

    def _lost(self, wire: Wire) -> None:
        """What nobody has read and the broker gives out again is dropped here."""
        self._ready = deque(one for one in self._ready if one.wire is not wire or not one.delivery.qos)
        self._arrived.set()


_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Session]] = WeakKeyDictionary()


async def enter_session(metadata: BrokerMetadata, source: Source) -> Session:
    """The session of the client id in this event loop, entered. Raises what `Session.enter` raises."""
    sessions = _sessions.setdefault(asyncio.get_running_loop(), {})
    for key in [key for key, session in sessions.items() if session.is_over]:
        del sessions[key]
    session = sessions.setdefault((metadata.shown, source.client_id), Session(source))
    if session.source != source and not session.is_used:  # what it remembers was of what was read before
        session = sessions[(metadata.shown, source.client_id)] = Session(source)
    if session.source != source:
        reads = session.source.topic_filter
        hint = "give each component a `consumerID` of its own"
        raise DefinitionError(f"the client id {source.client_id} reads {reads} already", hint=hint)
    await session.enter(metadata)
    return session
