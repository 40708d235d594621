"""The circuit breaker of one stage: whether an app or an output is there (M. Nygard, "Release It!", chapter 5).

While it is open nothing is sent but probes. It knows no clock and no event loop; `engine/flow.py` moves it.
"""

from __future__ import annotations

from engine.definitions.pipeline import CircuitBreaker
from engine.errors import Retryable, Unavailable


class Breaker:
    """Closed until `failures` failures come one after the other.

    Failures that may be an event's own fault (a 500, a time-out) open it only when they are of different events, so
    that one bad event cannot stop the others; `Unavailable` opens it whichever event met it.
    """

    def __init__(self, settings: CircuitBreaker) -> None:
        self._settings = settings
        self._failures = 0
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
        closed, self.is_open = self.is_open, False
        self._failures, self._unavailable = 0, False
        self._suspects.clear()
        self.probes = 0
        return closed

    def failed(self, event_id: str, error: Retryable) -> bool:
        """Notes a failure; True when this opened the breaker."""
        self._failures += 1
        self._unavailable = self._unavailable or isinstance(error, Unavailable)
        if len(self._suspects) < 2:
            self._suspects.add(event_id)
        self.reason = str(error)
        blamed = self._unavailable or len(self._suspects) > 1
        if self.is_open or not blamed or self._failures < self._settings.failures:
            return False
        self.is_open = True
        return True

    def next_probe(self, error: Retryable | None = None) -> float:
        """Seconds until the next probe; a Retry-After of the other side is honoured."""
        return max(self._settings.probe_every, (error.after if error else None) or 0.0)
