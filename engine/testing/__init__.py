"""Tests of pipelines with no network and no waiting: `jackfield test`, and the same from Python (docs/testing.md)."""

from engine.testing.pipelines import Pipelines
from engine.testing.record import Call, Came, Dead, Record, Sent

__all__ = ["Call", "Came", "Dead", "Pipelines", "Record", "Sent"]
