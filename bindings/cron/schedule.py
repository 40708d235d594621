"""When a schedule is due: pure functions from one instant to another, in seconds since the epoch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from bindings.cron import fields, zone
from bindings.metadata import parse_duration

_EVERY = "@every"
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MICROSECONDS = 1_000_000
_DAY = 86_400


@dataclass(frozen=True)
class Schedule(ABC):
    """The instants at which something is due: the same ones on every start and every machine."""

    zone: ZoneInfo

    @abstractmethod
    def next(self, after: float) -> float:
        """The first instant later than `after`."""

    @abstractmethod
    def latest(self, until: float) -> float:
        """The last instant that is not later than `until`."""

    @staticmethod
    def parse(text: str, timezone: str = "UTC") -> Schedule:
        """Five fields, six with the second first, a macro like `@daily`, or `@every 1m30s`.

        A prefix `TZ=Europe/Berlin` or `CRON_TZ=Europe/Berlin` overrides `timezone`, as in robfig/cron.
        Raises `ValueError` with a message for a person.
        """
        first, _, rest = text.strip().partition(" ")
        if first.startswith(("TZ=", "CRON_TZ=")):
            timezone, text = first.partition("=")[2], rest
        return _parse(" ".join(text.split()), zone.time_zone(timezone))


@dataclass(frozen=True)
class Every(Schedule):
    """The multiples of a period since the epoch, so that a restart does not move them."""

    period: int  # microseconds: whole numbers, so that no instant is lost or repeated to rounding

    def next(self, after: float) -> float:
        return (round(after * _MICROSECONDS) // self.period + 1) * self.period / _MICROSECONDS

    def latest(self, until: float) -> float:
        return round(until * _MICROSECONDS) // self.period * self.period / _MICROSECONDS


@dataclass(frozen=True)
class Calendar(Schedule):
    """Fields that the wall clock of a time zone has to match, in whole seconds.

    Where the clock is set forward, what falls into the gap is due once, right after it. Where it is set back, what
    comes twice is due the first time only. But with a `wildcard`, an hour field that begins with `*`, a schedule keeps
    its rhythm in elapsed time: what falls into the gap is due when it would have been without it, and what comes
    twice is due twice. Source of the distinction: cron(8) of Vixie cron.
    """

    fields: str
    wildcard: bool

    def next(self, after: float) -> float:
        """Goes through the stretches between two changes of the clock, from a day before: no change is larger."""
        begin = math.floor(after)
        start, repeated, due = begin - _DAY, 0, math.inf
        while start < due:
            offset = zone.offset(self.zone, start)
            match = self._match(max(begin, start + repeated - 1) + offset) - offset
            change = zone.next_change(self.zone, start, match)
            if change is None:
                return float(min(match, due))
            forward = zone.offset(self.zone, change) - offset
            if match < change + forward:
                skipped = match if self.wildcard else change
                due = min(due, skipped) if skipped > begin else due
            start, repeated = change, 0 if self.wildcard else max(0, -forward)
        return float(due)

    def latest(self, until: float) -> float:
        """By halving, so that only `next` has to know how clocks change."""
        end, span = math.floor(until), 1
        while self.next(end - span) > end:
            span *= 2
        seconds = range(end - span + 1, end)
        return float(seconds.start + bisect_left(seconds, True, key=lambda second: self.next(second) > end))

    def _match(self, wall: int) -> int:
        """The first match after a time of the wall clock, in seconds since its own 1970."""
        self._croniter.set_current(float(wall))
        return int(self._croniter.get_next(float))

    @cached_property
    def _croniter(self) -> croniter:
        return croniter(self.fields, 0.0, second_at_beginning=True)


def _parse(text: str, timezone: ZoneInfo) -> Schedule:
    first, _, rest = text.partition(" ")
    if first == _EVERY:
        return _every(rest, timezone)
    if text.startswith("@") and text not in _MACROS:
        raise ValueError(f"{text} is none of {', '.join(_MACROS)} or {_EVERY} with a duration")
    return _calendar(_MACROS.get(text, text), timezone)


def _every(text: str, timezone: ZoneInfo) -> Every:
    period = parse_duration(text)
    if not 0.001 <= period < math.inf:
        raise ValueError(f"{_EVERY} {text}: the shortest period is 1ms")
    return Every(timezone, round(period * _MICROSECONDS))


def _calendar(text: str, timezone: ZoneInfo) -> Calendar:
    schedule = Calendar(timezone, fields.expand(text), fields.hour_is_wildcard(text))
    try:
        schedule.next(0.0)
    except CroniterBadDateError:
        raise ValueError(f"{text!r} is never due: no such month has such a day") from None
    return schedule
