"""Events before a stage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bindings.contract import Received, Settled
from engine.clock import VirtualClock
from engine.errors import EventError
from engine.event import Attribute, Event
from engine.passage import Arrival, Passage
from engine.stages.stage import Stage, Surroundings, Verdict


class Unsettled:
    def add(self, settled: Settled) -> None:
        raise AssertionError("a stage settles nothing")


def surroundings() -> Surroundings:
    return Surroundings({"REGION": "eu"}, VirtualClock())


def passage(
    value: Any = None, *, raw: bytes | None = None, metadata: Mapping[str, str] | None = None, **attributes: Attribute
) -> Passage:
    """One event whose data is this value as JSON, or these bytes."""
    envelope = {"specversion": "1.0", "id": "a", "source": "/orders", "type": "order"}
    event = Event({**envelope, "datacontenttype": "application/json", **attributes}, raw or json.dumps(value).encode())
    return Passage(Arrival(Received(event.id, event.data, {}, metadata or {}), event, Unsettled()), event)


async def verdict_of(stage: Stage, passage: Passage) -> Verdict:
    [verdict] = await stage([passage])
    return verdict


async def event_of(stage: Stage, passage: Passage) -> Event:
    verdict = await verdict_of(stage, passage)
    assert isinstance(verdict, Event), verdict
    return verdict


async def error_of(stage: Stage, passage: Passage) -> EventError:
    verdict = await verdict_of(stage, passage)
    assert isinstance(verdict, EventError), verdict
    return verdict


def ids(verdicts: Sequence[Verdict]) -> list[Any]:
    return [verdict.id if isinstance(verdict, Event) else verdict for verdict in verdicts]
