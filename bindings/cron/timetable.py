from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from bindings.cron.schedule import Schedule


class Timetable:
    """When the instants of a schedule are due: each later by a part of `jitter` seconds, and never before an earlier
    one. The part is drawn from a hash, and so the same on every replica and after a restart."""

    def __init__(self, schedule: Schedule, jitter: float, name: str) -> None:
        self.schedule = schedule
        self.jitter = jitter
        self._name = name

    def due(self, instant: float) -> float:
        if not self.jitter:
            return instant
        digest = blake2b(f"{self._name} {instant}".encode(), digest_size=8).digest()
        return instant + self.jitter * int.from_bytes(digest) / 2**64

    def next_due(self, after: float) -> float:
        """When the first instant later than `after` is due."""
        return self.due(self.schedule.next(after))

    def passed(self, after: float, now: float) -> Iterator[float]:
        """The instants later than `after` that are due by now, in order."""
        instant = self.schedule.next(after)
        while self.due(instant) <= now:
            yield instant
            instant = self.schedule.next(instant)

    def latest(self, now: float) -> float:
        """The newest instant that is due by now."""
        surely_due = self.schedule.latest(now - self.jitter)
        return max(self.passed(surely_due, now), default=surely_due)
