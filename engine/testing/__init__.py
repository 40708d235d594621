"""Tests of pipelines with no network and no waiting: `jackfield test`, and the same from Python (docs/testing.md)."""

from engine.testing.pipelines import Pipelines
from engine.testing.record import Call, Dead, Record, Sent

__all__ = ["Call", "Dead", "Pipelines", "Record", "Sent"]
