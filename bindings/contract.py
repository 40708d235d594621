"""All that the author of a binding has to read. The comments are the spec.

The engine makes an instance from the component's metadata and a `Context`, calls `open`, then the methods below from
one event loop, and `close`, also when `open` failed; a closed one may be opened again. Everything may be cancelled at
an `await`.

What an error makes the engine do (engine/errors.py):
- `DefinitionError` from the factory or `open`: the definition is refused, with the place in its file.
- `NotReady` from `open` or `read`: the engine closes the instance, waits with backoff, and opens it again.
- `Retryable`, `Unavailable`, `Permanent` for one operation: that event is retried, waited for, or dead-lettered.
- anything else is a bug: logged with its traceback, and the event dead-lettered.
Translate the errors of the client library at the edge, `raise ... from error`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from bindings.query import Page, Query
from bindings.store import Store
from engine.errors import EventError, Permanent
from engine.event import Attribute, Event

if TYPE_CHECKING:
    from aiohttp import web

Redelivery: TypeAlias = Literal["native", "store", "none"]


class Outcome(StrEnum):
    """What became of an event."""

    DONE = "done"  # every effect is confirmed
    FILTERED = "filtered"  # a step or the app ended it on purpose
    RELEASED = "released"  # not finished (shutdown, reload): the input gives it out again
    DEAD_LETTERED = "dead-lettered"  # it is durable as a dead letter


@dataclass(slots=True)
class Received:
    """One message as it came in. `id` must be the same when the same message comes again."""

    id: str
    data: bytes | None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)  # what the system knows: type, subject, time …
    metadata: Mapping[str, str] = field(default_factory=dict)  # `metadata` in expressions
    attempt: int = 1  # how often the system has given it out, this time included
    handle: Any = None  # the binding's own: what it needs to settle


@dataclass(slots=True)
class Settled:
    """The outcome of one received message, told to its input after all effects."""

    received: Received
    outcome: Outcome
    results: Sequence[Event] = ()  # the events as they were at the end of the way, for an input that answers
    error: EventError | None = None


@dataclass(slots=True)
class Operation:
    """One call of an output binding: the data is `event.data`, the event's id is stable across retries."""

    name: str
    event: Event
    metadata: Mapping[str, str]


@dataclass(slots=True)
class Result:
    """What an operation gave back. `landed` says where it went, for a person: a path, a URL, a queue."""

    data: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    landed: str = ""


class Clock(Protocol):
    """The only source of time, so that tests need no waiting."""

    def now(self) -> float: ...  # seconds since the epoch
    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What the engine lends to a binding."""

    name: str  # the component's name; for one written in place, that of its pipeline
    store: Store  # what must survive the engine: marks (checkpoints) and durable queues
    clock: Clock
    version: str = "v1"  # the component's `spec.version`


class InputBinding(Protocol):
    # Who gives a message out again that was not settled when the engine died.
    # "native": the system behind the binding. "store": the engine, which copies each message to a durable queue of
    # its store and then settles it here as DONE (engine/spool.py). "none": nobody; the docs of the type say so.
    @property
    def redelivery(self) -> Redelivery: ...

    async def open(self) -> None: ...

    # Up to `limit` messages; waits for at least one. Called again only when there is room, never twice at once.
    # Cancelled while it waits: no message may be lost.
    async def read(self, limit: int) -> Sequence[Received]: ...

    # Any subset, any order, several calls at once: coalesce them. Returns when the outcome is safe on the other side.
    # DONE, FILTERED, DEAD_LETTERED: acknowledge. RELEASED: make it available again at once. After an error the
    # engine calls again with the same outcomes.
    async def settle(self, settled: Sequence[Settled]) -> None: ...

    async def close(self) -> None: ...  # messages not settled are given out again


class OutputBinding(Protocol):
    async def open(self) -> None: ...

    # One result or error an operation, in the same order; an operation that fails must not fail its neighbours.
    # Returns when the effects are confirmed. Called concurrently. May get the same event again after a crash.
    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]: ...

    async def close(self) -> None: ...


@runtime_checkable
class ServesHttp(Protocol):
    """An input that is also called: the engine routes `/webhooks/<component name>` to `handle`."""

    async def handle(self, request: web.Request) -> web.StreamResponse: ...


class SecretStore(Protocol):
    async def open(self) -> None: ...

    # The keys of one secret; raises `KeyError` when there is none of that name.
    async def get(self, name: str) -> Mapping[str, str]: ...

    # Every secret that the store may give out, by its name.
    async def all(self) -> Mapping[str, Mapping[str, str]]: ...

    async def close(self) -> None: ...


class EtagMismatch(Permanent):
    """The value of a key is not the one that a change was made for."""


@dataclass(frozen=True, slots=True)
class Item:
    """The value of a key as it is now. `etag` changes whenever the value is written."""

    value: bytes
    etag: str
    expires: float | None = None  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one key. With an etag: only if it is the current one."""

    key: str
    value: bytes | None  # None deletes the key; one that is not there is deleted already
    etag: str | None = None
    first_write: bool = False  # without an etag: only if the key has no value yet
    ttl: float | None = None  # seconds; None: it stays, whatever was said before


class StateStore(Protocol):
    # The metadata model of the type is a `StateMetadata`. Called concurrently.
    async def open(self) -> None: ...

    # The items of those keys that have one.
    async def get(self, keys: Sequence[str]) -> Mapping[str, Item]: ...

    # Each change for itself: one error or None for each, in the same order. Durable when it returns.
    async def write(self, changes: Sequence[Change]) -> Sequence[EventError | None]: ...

    # All of them, in their order, or none: then it raises the error.
    async def transact(self, changes: Sequence[Change]) -> None: ...

    async def close(self) -> None: ...


@runtime_checkable
class Queryable(Protocol):
    """A state store that looks into its values. Raises `Permanent` for a query that it cannot understand."""

    async def query(self, query: Query) -> Page: ...


@dataclass(frozen=True, slots=True)
class Publication:
    """One message for a topic, as it is to travel."""

    data: bytes
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who reads a topic: those with one `consumer` share its messages, and every consumer gets all of them."""

    topic: str
    consumer: str
    metadata: Mapping[str, str] = field(default_factory=dict)  # what a Dapr Subscription says beside


class PubSub(Protocol):
    # The metadata model of the type is a `PubSubMetadata`. One connection for all topics.
    async def open(self) -> None: ...

    # One error or None for each, in the same order. Returns when the broker has confirmed them. Called concurrently.
    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]: ...

    # A topic as an input, not opened; it is opened after and closed before this one. The data of a message is what was
    # published, byte for byte, and its `datacontenttype` what the publication had: the engine opens the envelope.
    def subscribe(self, subscription: Subscription) -> InputBinding: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of a key of a configuration store. One that was deleted has an empty value."""

    value: str
    version: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class ConfigurationStore(Protocol):
    async def open(self) -> None: ...

    # The settings of those keys that exist; of all keys when none is named.
    async def get(self, keys: Sequence[str], metadata: Mapping[str, str]) -> Mapping[str, Setting]: ...

    # Returns when the keys (all when none is named) are watched: what is changed from then on comes out, and goes on
    # coming after the connection was lost and is there again. Ends with `aclose`.
    async def watch(
        self, keys: Sequence[str], metadata: Mapping[str, str]
    ) -> AsyncGenerator[Mapping[str, Setting], None]: ...

    async def close(self) -> None: ...


class Unlocked(Enum):
    """What became of an unlock, with the numbers of Dapr's API."""

    DONE = 0
    NOT_LOCKED = 1
    OTHER_OWNER = 2


class Lock(Protocol):
    async def open(self) -> None: ...

    # Whether the owner has it now, for that many seconds; one who has it already does not get it again.
    async def acquire(self, resource: str, owner: str, seconds: float) -> bool: ...

    async def release(self, resource: str, owner: str) -> Unlocked: ...

    async def close(self) -> None: ...
