from __future__ import annotations

from pydantic import Field, field_validator

from bindings.cron.schedule import Schedule, time_zone
from bindings.metadata import BindingMetadata, Flag


class CronMetadata(BindingMetadata):
    schedule: str = Field(
        description="When an event comes: 5 fields (minute, hour, day of month, month, day of week), 6 fields with the "
        "second first, `@every` and a duration, or `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, "
        "`@annually`. `L` is the last day of the month.",
        examples=["*/5 * * * *", "0 30 8 * * mon-fri", "@every 1m30s", "@daily"],
    )
    timezone: str = Field(
        "UTC",
        description="The IANA time zone of the fields. An hour that summer time skips is made up for right after it; "
        "one that comes twice counts twice.",
        examples=["UTC", "Europe/Berlin"],
    )
    durable: Flag = Field(
        True,
        description="Keep each event in the engine's store until it is finished, so that one which was due is not lost "
        "when the engine dies; `false` saves that write, for schedules where the next event makes up for a lost one.",
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
