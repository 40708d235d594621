"""The circuit breaker of one endpoint: whether it is there (M. Nygard, "Release It!", chapter 5).

While it is open nothing is sent but probes. It knows no event loop; `engine/flow.py` and `engine/endpoint.py` move it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.definitions.pipeline import CircuitBreaker
from engine.errors import Retryable, Unavailable
from engine.trip import Tally, Trip, after_failures


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """`probe_every` and `interval` are in seconds; the counts begin anew after `interval`, 0 is never."""

    trip: Trip
    probe_every: float
    interval: float = 0.0


def policy_of(settings: CircuitBreaker) -> BreakerPolicy:
    return BreakerPolicy(after_failures(settings.failures), settings.probe_every)


class Breaker:
    """Closed until its policy's trip says so.

    Failures that may be an event's own fault (a 500, a time-out) open it only when they are of different events, so
    that one bad event cannot stop the others; `Unavailable` opens it whichever event met it.
    """

    def __init__(self, policy: BreakerPolicy, now: Callable[[], float] = float) -> None:
        self._policy = policy
        self._now = now
        self._tally = Tally()
        self._since = now()
        self._suspects: set[str] = set()
        self._unavailable = False
        self.is_open = False
        self.reason = ""
        self.probes = 0  # how many may be sent now although it is open

    def admits(self) -> bool:
        """Whether the next request may be sent; uses up a probe."""
        if not self.is_open:
            return True
        if self.probes > 0:
            self.probes -= 1
            return True
        return False

    def succeeded(self) -> bool:
        """Notes an answer; True when this closed the breaker."""
        self._begin_interval()
        closed, self.is_open = self.is_open, False
        if closed:
            self._tally = Tally()
        self._tally.success()
        self._unavailable = False
        self._suspects.clear()
        self.probes = 0
        return closed

    def failed(self, event_id: str, error: Retryable) -> bool:
        """Notes a failure; True when this opened the breaker."""
        self._begin_interval()
        self._tally.failure()
        self._unavailable = self._unavailable or isinstance(error, Unavailable)
        if len(self._suspects) < 2:
            self._suspects.add(event_id)
        self.reason = str(error)
        blamed = self._unavailable or len(self._suspects) > 1
        if self.is_open or not blamed or not self._policy.trip(self._tally):
            return False
        self.is_open = True
        return True

    def next_probe(self, error: Retryable | None = None) -> float:
        """Seconds until the next probe; a Retry-After of the other side is honoured."""
        return max(self._policy.probe_every, (error.after if error else None) or 0.0)

    def _begin_interval(self) -> None:
        if self._policy.interval and not self.is_open and self._now() - self._since >= self._policy.interval:
            self._tally, self._since = Tally(), self._now()
