"""Schedules: an input that makes an event at each instant of a cron expression."""

from bindings.cron.input import CronInput
from bindings.cron.metadata import CronMetadata
from bindings.manifest import ComponentType

component = ComponentType(
    name="bindings.cron",
    summary="An event at each instant of a schedule. Nothing is made up for while the engine is down.",
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
""",
    input=CronInput,
    input_metadata={
        "scheduledTime": "the instant at which the event was due, RFC 3339 in UTC; also the event's `time`",
        "readTimeUTC": "when the engine took it up, RFC 3339 in UTC",
        "timeZone": "the time zone of the schedule",
    },
    shared_input=False,
)
