"""Makes durable what its system cannot give out again: the request of a webhook."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from bindings.contract import InputBinding, Outcome, Received, Redelivery, Settled
from bindings.store import DurableQueue, Message
from engine.errors import JackfieldError

_PUMPED_AT_ONCE = 100
_log = logging.getLogger("jackfield.spool")


class Spool:
    """An input in front of which stands a durable queue of the store.

    A message is settled with its own input as soon as the queue holds it; from then on the queue gives it out, also
    after a crash, and the pipeline's outcome goes to the queue.
    """

    redelivery: Redelivery = "native"

    def __init__(self, inner: InputBinding, queue: DurableQueue) -> None:
        self._inner = inner
        self._queue = queue
        self._pump: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._inner.open()
        self._pump = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            received = await self._inner.read(_PUMPED_AT_ONCE)
            messages = [Message(message.id, message.data, message.attributes, message.metadata) for message in received]
            outcome = Outcome.DONE
            try:
                await self._queue.put(messages)
            except JackfieldError as error:
                # The pump goes on: who pauses reads nothing, and would not see that it has stopped.
                _log.warning("%d messages could not be stored, and go back to their senders: %s", len(messages), error)
                outcome = Outcome.RELEASED
            await self._inner.settle([Settled(message, outcome) for message in received])

    async def read(self, limit: int) -> Sequence[Received]:
        """Raises what stopped the pump, so that the engine closes and opens this input again."""
        assert self._pump is not None  # noqa: S101 - the engine opens before it reads
        reading = asyncio.ensure_future(self._queue.read(limit))
        try:
            await asyncio.wait({reading, self._pump}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._give_up(reading)
            raise
        if not reading.done():
            await self._give_up(reading)
            self._pump.result()
        return reading.result()

    async def _give_up(self, reading: asyncio.Future[Sequence[Received]]) -> None:
        """Messages may have come in the moment of the cancellation; they go back to the queue."""
        reading.cancel()
        await asyncio.wait({reading})
        if not reading.cancelled() and reading.exception() is None:
            await self.settle([Settled(message, Outcome.RELEASED) for message in reading.result()])

    async def settle(self, settled: Sequence[Settled]) -> None:
        await self._queue.settle(settled)

    async def close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        try:
            await self._inner.close()
        finally:
            await self._queue.close()
