from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from bindings.contract import Context, Outcome, Received, Settled
from bindings.cron.agenda import Agenda
from bindings.cron.firing import Firing
from bindings.cron.ledger import Ledger
from bindings.cron.metadata import CronMetadata
from bindings.cron.schedule import Schedule
from bindings.cron.timetable import Timetable


class CronInput:
    """One event for each instant of the schedule, from the first one after the first start on.

    An instant is durable in the store before it is given out, and until it is settled: it is given out again when it
    is released, and by the next instance when this one dies.
    """

    redelivery: Literal["native", "store", "none"]

    def __init__(self, metadata: CronMetadata, context: Context) -> None:
        self.redelivery = "native" if metadata.durable else "none"
        schedule = Schedule.parse(metadata.schedule, metadata.timezone)
        timetable = Timetable(schedule, metadata.jitter, context.name)
        self._schedule = f"{schedule.zone.key} {' '.join(metadata.schedule.split())}"
        self._name = context.name
        self._clock = context.clock
        self._agenda = Agenda(context.name, self._schedule, timetable, metadata)
        self._ledger = Ledger(context.store, f"cron/{context.name}", metadata.durable)
        self._sleep: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._ledger.load()
        now = self._clock.now()
        last = self._ledger.last(self._schedule)
        self._agenda.start(now, now if last is None else last, self._ledger.pending())
        await self._save()

    async def read(self, limit: int) -> Sequence[Received]:
        while True:
            now = self._clock.now()
            self._agenda.advance(now, limit)
            batch = self._agenda.batch(limit)
            saved = await self._save(batch)
            if batch:
                self._agenda.given(batch)
                return [firing.received(self._name, now) for firing in batch]
            if not saved:  # else time has passed, and something may be due
                await self._sleep_or_settle(self._agenda.pause(now))

    async def settle(self, settled: Sequence[Settled]) -> None:
        released = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        finished = [one.received.handle for one in settled if one.outcome is not Outcome.RELEASED]
        await self._ledger.settle(finished)
        self._agenda.finished(finished, self._clock.now())
        self._agenda.released(released)
        if self._sleep:
            self._sleep.cancel()

    async def close(self) -> None:
        pass

    async def _save(self, batch: Sequence[Firing] = ()) -> bool:
        """Makes durable what changed, in one write; False when nothing did."""
        return await self._ledger.save(self._schedule, self._agenda.last, [*self._agenda.waiting.values(), *batch])

    async def _sleep_or_settle(self, seconds: float) -> None:
        self._sleep = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait({self._sleep})
        finally:
            self._sleep.cancel()
