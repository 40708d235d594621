from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from bindings.cron.schedule import Schedule
from bindings.cron.zone import time_zone
from bindings.metadata import BindingMetadata, Duration, Flag, PositiveDuration


class CronMetadata(BindingMetadata):
    schedule: str = Field(
        description="When an event comes: 5 fields (minute, hour, day of month, month, day of week), 6 fields with the "
        "second first, `@every` and a duration, or `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, "
        "`@annually`. `L` is the last day of the month.",
        examples=["*/5 * * * *", "0 30 8 * * mon-fri", "@every 1m30s", "@daily"],
    )
    timezone: str = Field(
        "UTC",
        description="The IANA time zone of the fields. Where its clock is set forward, a time that does not exist "
        "fires once, right after the gap; where it is set back, a time that comes twice fires the first time only. "
        "A schedule whose hour is `*` or `*/n` keeps its rhythm in elapsed time instead, and so fires both times.",
        examples=["UTC", "Europe/Berlin"],
    )
    missed: Literal["skip", "last", "all"] = Field(
        "last",
        description="What becomes of instants that passed while the engine was down, or that it comes to more than a "
        "second late: `skip` gives out none of them, `last` the newest one, `all` each one in order. Before the first "
        "start, and before a change of `schedule` or `timezone`, nothing is missed.",
        examples=["skip", "last", "all"],
    )
    missed_within: PositiveDuration = Field(
        86_400.0,
        description="An instant that is longer ago is not made up for.",
        examples=["1h", "7d"],
    )
    overlap: Literal["allow", "skip", "queue"] = Field(
        "allow",
        description="What to do when an instant is due while an earlier event is not finished: `allow` gives it out "
        "beside the other, `skip` leaves it out (with `missed: all`, all but the first of those that were missed), "
        "`queue` gives it out after the other. At most 1000 wait in the queue; those that come then are left out with "
        "a warning, or come later with `missed: all`.",
        examples=["allow", "skip", "queue"],
    )
    jitter: Duration = Field(
        0.0,
        description="The most by which an event is delayed, so that not all schedules fire at once. By how much is "
        "drawn from the component's name and the instant: the same on every replica and after a restart. The event's "
        "`id` and `time` stay those of the schedule.",
        examples=["30s", "5m"],
    )
    durable: Flag = Field(
        True,
        description="Keep in the engine's store which instants were given out, and which of them are not finished, so "
        "that none is lost when the engine dies. `false` saves two writes for each event: then what is not finished "
        "is lost with the engine, and nothing that passes while it is down is known to be missed.",
        examples=[True, "false"],
    )

    @field_validator("schedule")
    @classmethod
    def _schedule_is_valid(cls, value: str) -> str:
        Schedule.parse(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str) -> str:
        time_zone(value)
        return value
