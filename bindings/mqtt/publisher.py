"""A connection that only writes: it has no session, and is made anew when it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from bindings.mqtt.broker import connect
from bindings.mqtt.metadata import BrokerMetadata
from bindings.mqtt.packets import Delivery
from bindings.mqtt.wire import Wire
from engine.errors import DefinitionError, EventError, NotReady, Unavailable


class Publisher:
    def __init__(self, metadata: BrokerMetadata, name: str) -> None:
        self._metadata = metadata
        self._client_id = f"{name}-producer-{uuid4().hex[:8]}"  # replicas must not end each other's connections
        self._wire: Wire | None = None
        self._connecting = asyncio.Lock()

    async def connect(self) -> Wire:
        """Raises `DefinitionError` and `NotReady`."""
        async with self._connecting:
            if self._wire is None or self._wire.problem:
                await self._drop()
                self._wire = await connect(
                    self._metadata, self._client_id, clean_session=True, on_message=_nothing, on_lost=_nobody
                )
            return self._wire

    async def publish(self, messages: Sequence[tuple[str, bytes, bool]], qos: int) -> Sequence[EventError | None]:
        """Topics, payloads and whether each is retained: one error or None for each, in the same order."""
        try:
            wire = await self.connect()
            return await wire.publish(messages, qos)
        except (NotReady, DefinitionError, Unavailable) as error:
            return [Unavailable(str(error))] * len(messages)

    async def close(self) -> None:
        async with self._connecting:
            await self._drop()

    async def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()


def _nothing(wire: Wire, delivery: Delivery) -> None:
    """Nothing is subscribed."""


def _nobody(wire: Wire) -> None:
    """The next publication finds it out."""
