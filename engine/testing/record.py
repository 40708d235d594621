"""What happened in a test, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bindings.contract import Outcome
from engine.errors import Permanent
from engine.event import Event
from engine.topics import PUBLISH


def data_of(event: Event) -> Any:
    """The data as an expectation writes it: parsed, or the bytes where it is not what its content type says."""
    try:
        return event.value
    except Permanent:
        return event.data


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an app; `answer` is the status, or how it failed."""

    app: str
    method: str
    path: str
    headers: Mapping[str, str]
    events: Sequence[Event]
    batch: bool
    answer: int | str
    time: float

    @property
    def data(self) -> Any:
        """That of the event; for a batch, a list."""
        return [data_of(event) for event in self.events] if self.batch else data_of(self.events[0])

    @property
    def fields(self) -> dict[str, Any]:
        """As expectations name them; the names of headers in lower case."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        event = dict(self.events[0].attributes)
        named = {"app": self.app, "method": self.method, "path": self.path}
        return {**named, "headers": headers, "event": event, "data": self.data}


@dataclass(frozen=True, slots=True)
class Sent:
    """An operation of an output that was confirmed."""

    binding: str
    operation: str
    metadata: Mapping[str, str]
    event: Event
    time: float

    @property
    def data(self) -> Any:
        return data_of(self.event)

    @property
    def fields(self) -> dict[str, Any]:
        """As expectations name them."""
        metadata = dict(self.metadata)
        if self.operation == PUBLISH:
            named = {"pubsub": self.binding, "topic": metadata.pop("topic"), "metadata": metadata}
        else:
            named = {"binding": self.binding, "operation": self.operation, "metadata": metadata}
        return {**named, "event": dict(self.event.attributes), "data": self.data}


@dataclass(frozen=True, slots=True)
class Dead:
    """An event that became a dead letter."""

    stage: str
    error: str
    status: int | None
    attempts: int
    event: Event

    @property
    def data(self) -> Any:
        return data_of(self.event)

    @property
    def fields(self) -> dict[str, Any]:
        """As expectations name them."""
        named = {"stage": self.stage, "error": self.error, "status": self.status, "attempts": self.attempts}
        return {**named, "event": dict(self.event.attributes), "data": self.data}


@dataclass(slots=True)
class Came:
    """A message that the input gave out; `outcome` is None for one that was never settled."""

    id: str
    outcome: Outcome | None = None


@dataclass(slots=True)
class Record:
    """Each list is in the order in which it happened. `problems` are of the test itself: an app that was called and
    has no answer.
    """

    calls: list[Call] = field(default_factory=list)
    outputs: list[Sent] = field(default_factory=list)
    dead_letters: list[Dead] = field(default_factory=list)
    came: list[Came] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def outcomes(self) -> list[Outcome | None]:
        """Of the messages, in the order in which they came."""
        return [message.outcome for message in self.came]
