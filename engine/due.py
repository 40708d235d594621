"""An instant to wait for, by a clock that may be set."""

from __future__ import annotations


class Due:
    """A clock that is set back does not put it off by more than was asked for. Times are seconds since the epoch."""

    def __init__(self) -> None:
        self._at = 0.0
        self._wait = 0.0

    def put_off(self, now: float, seconds: float) -> None:
        """At the earliest so many seconds from now."""
        if now + seconds > self._at:
            self._at, self._wait = now + seconds, seconds

    def left(self, now: float) -> float:
        """Seconds; zero or less when it is due."""
        self._at = min(self._at, now + self._wait)
        return self._at - now
