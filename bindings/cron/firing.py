from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bindings.contract import Received


@dataclass(frozen=True, slots=True)
class Firing:
    """An instant that becomes an event."""

    instant: float
    schedule: str  # `Europe/Berlin 30 8 * * *`: the zone and the text as they were then, and stay in the event
    attempt: int = 0  # how often it was given out

    def received(self, name: str, now: float) -> Received:
        zone, _, text = self.schedule.partition(" ")
        scheduled = rfc3339(self.instant)
        return Received(
            id=f"{text}@{scheduled}",
            data=None,
            attributes={"time": scheduled, "subject": name},
            metadata={"timeZone": zone, "readTimeUTC": rfc3339(now), "scheduledTime": scheduled},
            attempt=self.attempt,
            handle=self.instant,
        )


def rfc3339(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")
