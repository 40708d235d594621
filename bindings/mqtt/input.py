from __future__ import annotations

from collections.abc import Sequence

from bindings.contract import Outcome, Received, Redelivery, Settled
from bindings.mqtt.message import received
from bindings.mqtt.metadata import BrokerMetadata
from bindings.mqtt.session import Message, Session, Source, enter_session
from engine.errors import NotReady


class MqttInput:
    """Reads what a topic filter matches. A message is acknowledged when it is settled; the broker gives it out again
    when the session is resumed before that.
    """

    def __init__(self, metadata: BrokerMetadata, source: Source) -> None:
        self._metadata = metadata
        self._source = source
        self._session: Session | None = None
        self._held: dict[Message, None] = {}  # read and not settled, in their order

    @property
    def redelivery(self) -> Redelivery:
        return "native" if self._source.qos and not self._source.clean else "none"

    async def open(self) -> None:
        self._session = await enter_session(self._metadata, self._source)

    async def read(self, limit: int) -> Sequence[Received]:
        if self._session is None:
            raise NotReady("the input is closed")
        messages = await self._session.take(limit)
        self._held.update(dict.fromkeys(messages))
        return [received(message) for message in messages]

    async def settle(self, settled: Sequence[Settled]) -> None:
        if self._session is None:
            return  # they come again
        back = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        done = [one.received.handle for one in settled if one.outcome is not Outcome.RELEASED]
        for message in (*back, *done):
            self._held.pop(message, None)
        self._session.give_back(back)
        await self._session.acknowledge(done)

    async def close(self) -> None:
        session, self._session = self._session, None
        held, self._held = self._held, {}
        if session is not None:
            await session.leave(held)
