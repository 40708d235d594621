"""When a schedule is due: pure functions from one instant to another, in seconds since the epoch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from bindings.cron import fields
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
        return _parse(" ".join(text.split()), time_zone(timezone))


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
    """Fields that the wall clock of a time zone has to match.

    Where the wall clock skips an hour, what falls into it is due right after the gap; where it repeats an hour,
    what falls into it is due twice.
    """

    fields: str

    def next(self, after: float) -> float:
        return self._from(after).get_next(float)

    def latest(self, until: float) -> float:
        return self._from(math.floor(until) + 1).get_prev(float)

    def _from(self, instant: float) -> croniter:
        return croniter(self.fields, datetime.fromtimestamp(instant, self.zone), second_at_beginning=True)


def time_zone(name: str) -> ZoneInfo:
    """Raises `ValueError` when the IANA database has no zone of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; leaves the folder of the database; is a folder
        raise ValueError(f"{name!r} is not a time zone; write it like UTC or Europe/Berlin") from None


def _parse(text: str, zone: ZoneInfo) -> Schedule:
    first, _, rest = text.partition(" ")
    if first == _EVERY:
        return _every(rest, zone)
    if text.startswith("@") and text not in _MACROS:
        raise ValueError(f"{text} is none of {', '.join(_MACROS)} or {_EVERY} with a duration")
    return _calendar(_MACROS.get(text, text), zone)


def _every(text: str, zone: ZoneInfo) -> Every:
    period = parse_duration(text)
    if not 0.001 <= period < math.inf:
        raise ValueError(f"{_EVERY} {text}: the shortest period is 1ms")
    return Every(zone, round(period * _MICROSECONDS))


def _calendar(text: str, zone: ZoneInfo) -> Calendar:
    schedule = Calendar(zone, fields.expand(text))
    try:
        schedule.next(0.0)
    except CroniterBadDateError:
        raise ValueError(f"{text!r} is never due: no such month has such a day") from None
    return schedule
