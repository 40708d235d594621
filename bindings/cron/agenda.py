from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from bindings.cron.firing import Firing, rfc3339
from bindings.cron.metadata import CronMetadata
from bindings.cron.timetable import Timetable

_log = logging.getLogger("jackfield.cron")

_LONGEST_QUEUE = 1000

# A sleep is measured by a clock that stands still while the machine is suspended, and nobody tells us when the time
# is set: at the latest after so many seconds we look again.
_LONGEST_SLEEP = 60.0

# No wake-up is exact: only what is later than so many seconds is missed.
_ON_TIME = 1.0

# A clock that goes back a little must not repeat an instant; one that goes back further was wrong before, and
# must not silence the schedule until that wrong time comes.
_CLOCK_CORRECTION = 300.0

_MICROSECOND = 1e-6  # the least between two instants


class Agenda:
    """What is to be given out: follows a timetable through time, by the rules of `missed` and `overlap`.

    `advance` deals with all that was due since it was called before. A firing waits until it is `given`, and is then
    out until it is `finished`.
    """

    def __init__(self, name: str, schedule: str, timetable: Timetable, rules: CronMetadata) -> None:
        self.last = 0.0  # the newest instant that is dealt with
        self.waiting: dict[float, Firing] = {}
        self._out: dict[float, Firing] = {}
        self._started = 0.0
        self._idle_since = 0.0
        self._name = name
        self._schedule = schedule
        self._timetable = timetable
        self._rules = rules

    def start(self, now: float, last: float, pending: Iterable[Firing]) -> None:
        """Goes on where a former life ended."""
        self.last = self._idle_since = last
        self.waiting = {firing.instant: firing for firing in pending}
        self._out = {}
        self._started = self._started or now  # opened again after an error, it ran in between
        if self._is_due(now):
            _log.info("%s: was due while it did not run; missed: %s", self._name, self._rules.missed)
        if self._rules.overlap == "queue" and self._rules.missed != "all":
            self._take(now, 1)  # what was missed does not queue

    def advance(self, now: float, limit: int) -> None:
        """`limit`: how many firings there is room for."""
        if self.last > now + _CLOCK_CORRECTION:
            self.last = now
        self._idle_since = min(self._idle_since, now)
        self._started = min(self._started, now)
        if self._rules.overlap == "allow":
            self._take(now, limit - len(self.waiting))
        else:
            self._overlap(now if self._is_busy else self._idle_since)
            self._take(now, 0 if self._is_busy else 1)

    def batch(self, limit: int) -> Sequence[Firing]:
        """What can be given out now, oldest first, with this attempt counted."""
        if self._rules.overlap != "allow":
            limit = 0 if self._out else 1
        firings = (self.waiting[instant] for instant in sorted(self.waiting)[:limit])
        return [replace(firing, attempt=firing.attempt + 1) for firing in firings]

    def given(self, batch: Sequence[Firing]) -> None:
        for firing in batch:
            self.waiting.pop(firing.instant, None)
            self._out[firing.instant] = firing

    def finished(self, instants: Iterable[float], now: float) -> None:
        was_busy = self._is_busy
        for instant in instants:
            self.waiting.pop(instant, None)
            self._out.pop(instant, None)
        if was_busy and not self._is_busy:
            self._idle_since = now

    def released(self, instants: Iterable[float]) -> None:
        self.waiting.update({instant: self._out.pop(instant) for instant in instants if instant in self._out})

    def pause(self, now: float) -> float:
        """The seconds until `advance` has something to do, unless a firing is finished or released before."""
        seconds = self._timetable.next_due(self._horizon(now)) - now
        held_up = seconds <= 0  # by a full queue
        return _LONGEST_SLEEP if held_up else min(seconds, _LONGEST_SLEEP)

    @property
    def _is_busy(self) -> bool:
        return bool(self.waiting or self._out)

    def _horizon(self, now: float) -> float:
        """The instant after which all are still to be dealt with."""
        return max(self.last, now - self._rules.missed_within - self._rules.jitter - _MICROSECOND)

    def _is_due(self, now: float) -> bool:
        return self._timetable.next_due(self._horizon(now)) <= now

    def _passed(self, now: float, limit: int) -> Iterator[float]:
        return islice(self._timetable.passed(self._horizon(now), now), max(limit, 0))

    def _take(self, now: float, limit: int) -> None:
        """Deals with what is due and has nothing in its way. Of several, all but the newest are missed."""
        if self._rules.missed == "all":
            for instant in self._passed(now, limit):
                self._add(instant)
        elif limit > 0 and (passed := list(self._passed(now, 2))):
            newest = passed[0] if len(passed) == 1 else self._timetable.latest(now)
            if self._rules.missed == "last" or self._is_on_time(newest, now):
                self._add(newest)
            self.last = newest

    def _is_on_time(self, instant: float, now: float) -> bool:
        due = self._timetable.due(instant)
        return due > self._started and now - due <= _ON_TIME

    def _overlap(self, until: float) -> None:
        """Deals with what was due until then, while an earlier firing was not settled."""
        if self._rules.overlap == "skip":
            self._drop(until, logging.INFO, "an earlier one is not finished")
            return
        for instant in self._passed(until, _LONGEST_QUEUE - len(self.waiting)):
            self._add(instant)
        if self._rules.missed != "all":  # with it, what finds no room in the queue waits in the schedule
            self._drop(until, logging.WARNING, f"{_LONGEST_QUEUE} wait already")

    def _drop(self, until: float, level: int, reason: str) -> None:
        if self._is_due(until):
            self.last = self._timetable.latest(until)
            _log.log(level, "%s: skipped what was due up to %s: %s", self._name, rfc3339(self.last), reason)

    def _add(self, instant: float) -> None:
        self.waiting[instant] = Firing(instant, self._schedule)
        self.last = instant
