from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from bindings.contract import Context, Outcome, Received, Settled
from bindings.cron.metadata import CronMetadata
from bindings.cron.schedule import Schedule

# A sleep is measured by a clock that stands still while the machine is suspended, and nobody tells us when the time
# is set: at the latest after so many seconds we look again.
_LONGEST_SLEEP = 60.0

# A clock that goes back a little must not repeat an instant; one that goes back further was wrong before, and
# must not silence the schedule until that wrong time comes.
_CLOCK_CORRECTION = 300.0


class CronInput:
    """One event for each instant of the schedule, from the first one after the start on.

    When several instants passed before the next read (the pipeline was busy, the machine slept), only the newest
    of them becomes an event.
    """

    redelivery: Literal["native", "store", "none"]

    def __init__(self, metadata: CronMetadata, context: Context) -> None:
        self.redelivery = "store" if metadata.durable else "none"
        self._text = " ".join(metadata.schedule.split())
        self._schedule = Schedule.parse(metadata.schedule, metadata.timezone)
        self._name = context.name
        self._store = context.store
        self._clock = context.clock
        self._fired = 0.0
        self._settled = 0.0
        self._released: list[Received] = []
        self._sleep: asyncio.Task[None] | None = None

    async def open(self) -> None:
        marks = await self._store.marks(self._scope)
        self._settled = float(marks.get("last", 0.0))
        self._fired = max(self._clock.now(), self._settled)

    async def read(self, limit: int) -> Sequence[Received]:
        while True:
            if self._released:
                batch, self._released = self._released[:limit], self._released[limit:]
                return batch
            now = self._clock.now()
            if self._fired > now + _CLOCK_CORRECTION:
                self._fired = now
            due = self._schedule.next(self._fired)
            if due <= now:
                self._fired = self._schedule.latest(now)
                return [self._event(self._fired, now)]
            await self._sleep_or_release(min(due - now, _LONGEST_SLEEP))

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Acknowledged instants are marked in the store, so that a quick restart does not repeat them."""
        acknowledged = [one.received.handle for one in settled if one.outcome is not Outcome.RELEASED]
        if acknowledged:
            self._settled = max(self._settled, *acknowledged)
            await self._store.set_marks(self._scope, {"last": str(self._settled)})
        self._release([one.received for one in settled if one.outcome is Outcome.RELEASED])

    async def close(self) -> None:
        pass

    @property
    def _scope(self) -> str:
        return f"cron/{self._name}"

    def _event(self, instant: float, now: float) -> Received:
        scheduled = _rfc3339(instant)
        return Received(
            id=f"{self._text}@{scheduled}",
            data=None,
            attributes={"time": scheduled, "subject": self._name},
            metadata={"timeZone": self._schedule.zone.key, "readTimeUTC": _rfc3339(now), "scheduledTime": scheduled},
            handle=instant,
        )

    def _release(self, messages: Sequence[Received]) -> None:
        self._released += [replace(message, attempt=message.attempt + 1) for message in messages]
        if self._sleep and self._released:
            self._sleep.cancel()

    async def _sleep_or_release(self, seconds: float) -> None:
        self._sleep = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait({self._sleep})
        finally:
            self._sleep.cancel()


def _rfc3339(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")
