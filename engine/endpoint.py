"""The other parties that pipelines ask: what is known of one of them holds for all pipelines that ask it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol
from weakref import WeakValueDictionary

from engine.breaker import Breaker
from engine.errors import EventError, Retryable, TimedOut
from engine.limit import AdaptiveLimit


class Watcher(Protocol):
    """A pipeline that asks the endpoint."""

    def opened(self, reason: str, wait: float) -> None: ...  # no probe before `wait` seconds
    def closed(self) -> None: ...


class Endpoint:
    """The breaker and the limit of one endpoint, and the pipelines that are told when it goes away and comes back."""

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.limit = AdaptiveLimit()
        self._probe_at = 0.0  # seconds since the epoch: one probe at a time, over all pipelines
        self._longest = 0.0  # seconds, of the waits for a probe
        self._before = 0
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)
        if self.breaker.is_open:
            watcher.opened(self.breaker.reason, 0.0)

    def unwatch(self, watcher: Watcher) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def put_off_probe(self, now: float, wait: float) -> None:
        self._probe_at = max(now + wait, self._probe_at)
        self._longest = max(wait, self._longest)

    def until_probe(self, now: float) -> float:
        """Seconds; never more than was asked for, although the clock may have been set back."""
        self._probe_at = min(self._probe_at, now + self._longest)
        return self._probe_at - now

    def answered(self) -> None:
        self.limit.answered()
        if self.breaker.succeeded():
            self.limit.begin_anew(self._before)
            self._probe_at = self._longest = 0.0  # the next outage is another one
            for watcher in list(self._watchers):
                watcher.closed()

    def failed(self, event_id: str, error: EventError) -> None:
        """A refusal is an answer; what may pass is none, and may show that the endpoint is overloaded or away."""
        if isinstance(error, Retryable):
            if _is_overload(error):
                self.limit.overloaded()
            if self.breaker.failed(event_id, error):
                self._before = max(self.limit.under_way, 1)
                for watcher in list(self._watchers):
                    watcher.opened(str(error), self.breaker.next_probe(error))
        elif error.status is not None:
            self.answered()


def _is_overload(error: Retryable) -> bool:
    return isinstance(error, TimedOut) or error.status == 429 or (error.status == 503 and error.after is not None)


class Endpoints:
    """One endpoint for one key, for as long as a pipeline has it."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Hashable, Endpoint] = WeakValueDictionary()

    def get(self, key: Hashable, make: Callable[[], Endpoint]) -> Endpoint:
        endpoint = self._known.get(key)
        if endpoint is None:
            endpoint = self._known[key] = make()
        return endpoint
