"""The input of a test: gives out the events that are written there, and notes what becomes of each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from bindings.contract import Clock, InputBinding, Outcome, Received, Redelivery, Settled
from engine.definitions.pipeline_test import GivenEvent
from engine.testing.payload import bytes_of
from engine.testing.record import Came, Record


class GivenInput:
    """Gives out each event at its time, the first at `start`; what is released is not given out again."""

    redelivery: Redelivery = "native"

    def __init__(self, events: Sequence[GivenEvent], folder: Path, clock: Clock, start: float) -> None:
        self._clock = clock
        self._waiting: deque[tuple[float, Received]] = deque()
        due = start
        for number, event in enumerate(events, 1):
            due += event.after
            received = Received(
                event.id or f"event-{number}", bytes_of(event, folder), event.attributes, dict(event.metadata)
            )
            self._waiting.append((due, received))

    async def open(self) -> None:
        pass

    async def read(self, limit: int) -> Sequence[Received]:
        if not self._waiting:
            await asyncio.get_running_loop().create_future()  # nothing more comes
        if (wait := self._waiting[0][0] - self._clock.now()) > 0:
            await self._clock.sleep(wait)
        now = self._clock.now()
        batch: list[Received] = []
        while self._waiting and self._waiting[0][0] <= now and len(batch) < limit:
            batch.append(self._waiting.popleft()[1])
        return batch

    async def settle(self, settled: Sequence[Settled]) -> None:
        pass

    async def close(self) -> None:
        pass


class WatchedInput:
    """Any input, until an instant; `finished` is set when `expected` messages came, or the instant has, and all that
    came is settled.
    """

    def __init__(self, inner: InputBinding, record: Record, clock: Clock, until: float, expected: int | None) -> None:
        self.finished = asyncio.Event()
        self._inner = inner
        self._record = record
        self._clock = clock
        self._until = until
        self._expected = expected
        self._unfinished = 0
        self._out: dict[int, tuple[Received, Came]] = {}  # by identity, which holds while they are kept

    @property
    def redelivery(self) -> Redelivery:
        return self._inner.redelivery

    async def open(self) -> None:
        await self._inner.open()
        self._look()

    async def read(self, limit: int) -> Sequence[Received]:
        batch = await self._inner.read(limit)
        if self._clock.now() >= self._until:
            await asyncio.get_running_loop().create_future()
        self._unfinished += len(batch)
        for message in batch:
            came = Came(message.id)
            self._record.came.append(came)
            self._out[id(message)] = message, came  # two messages may have one id
        return batch

    async def settle(self, settled: Sequence[Settled]) -> None:
        await self._inner.settle(settled)
        for one in settled:
            self._out[id(one.received)][1].outcome = one.outcome
            self._unfinished -= one.outcome is not Outcome.RELEASED
        self._look()

    async def close(self) -> None:
        await self._inner.close()

    async def watch(self) -> None:
        """Returns when it is finished."""
        if self._expected is None:
            await self._clock.sleep(self._until - self._clock.now())
            self._look()
        await self.finished.wait()

    def _look(self) -> None:
        """A released message is not finished: that happens only at the end, when nothing more is looked for."""
        came = self._clock.now() >= self._until if self._expected is None else len(self._record.came) >= self._expected
        if came and not self._unfinished:
            self.finished.set()
