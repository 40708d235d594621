"""Schedules: an input that makes an event at each instant of a cron expression."""

from bindings.cron.input import CronInput
from bindings.cron.metadata import CronMetadata
from bindings.manifest import ComponentType

component = ComponentType(
    name="bindings.cron",
    summary="An event at each instant of a schedule, also for one that passed while the engine was down.",
    metadata=CronMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: every-morning
spec:
  type: bindings.cron
  version: v1
  metadata:
    - name: schedule
      value: "30 8 * * mon-fri"
    - name: timezone
      value: Europe/Berlin
    - name: missed # at the next start, if the engine was down: the newest one that is no more than two hours old
      value: last
    - name: missedWithin
      value: 2h
    - name: overlap # not while that of the day before is still worked on
      value: skip
    - name: jitter # at some moment before 8:31
      value: 1m
""",
    input=CronInput,
    input_metadata={
        "scheduledTime": "the instant at which the event was due, RFC 3339 in UTC; also the event's `time`",
        "readTimeUTC": "when the engine took it up, RFC 3339 in UTC",
        "timeZone": "the time zone of the schedule",
    },
    runs_on_clock=True,
    shared_input=False,
)
