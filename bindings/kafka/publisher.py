from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bindings.kafka.message import Record
from bindings.kafka.metadata import KafkaConnectionMetadata
from bindings.kafka.producer import ProducerSession
from engine.errors import DefinitionError, EventError, NotReady, Permanent, Unavailable


class Publisher:
    """Sends messages through one producer, and makes a new one when that can go on no more."""

    def __init__(self, metadata: KafkaConnectionMetadata, topics: Sequence[str]) -> None:
        """`topics` are those that must be there when it is opened."""
        self._metadata = metadata
        self._topics = topics
        self._session: ProducerSession | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        await self._usable()

    async def publish(self, topic: str, written: Sequence[Record | Permanent]) -> Sequence[EventError | None]:
        """One error or None for each, in the same order; what could not be written keeps its error."""
        records = [one for one in written if not isinstance(one, Permanent)]
        if not records:
            return [one for one in written if isinstance(one, Permanent)]
        try:
            session = await self._usable()
        except (NotReady, DefinitionError) as error:
            sent: Sequence[EventError | None] = [Unavailable(str(error))] * len(records)
        else:
            sent = await session.publish(topic, records)
        following = iter(sent)
        return [one if isinstance(one, Permanent) else next(following) for one in written]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _usable(self) -> ProducerSession:
        async with self._opening:
            if self._session is not None and (self._session.broken or self._session.is_over):
                await self.close()
            if self._session is None:
                self._session = ProducerSession(self._metadata, self._topics)
                await self._session.open()
            return self._session
