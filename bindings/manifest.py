"""The manifest of a component type: what an entry point of the group `jackfield.components` names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bindings.contract import (
    ConfigurationStore,
    Context,
    InputBinding,
    Lock,
    OutputBinding,
    PubSub,
    Received,
    SecretStore,
    StateStore,
)
from bindings.metadata import Metadata


@dataclass(frozen=True, kw_only=True)
class ComponentType:
    """One component type and all that is known of it.

    The factories import what they need when they are called, so that a client library is loaded only on use;
    `extra` is the optional extra of the distribution that installs that library.
    """

    name: str  # the Dapr component type: `bindings.cron`
    summary: str
    metadata: type[Metadata]
    example: str  # a whole Component document in YAML, shown by `jackfield explain`
    input: Callable[[Any, Context], InputBinding] | None = None
    output: Callable[[Any, Context], OutputBinding] | None = None
    secret_store: Callable[[Any, Context], SecretStore] | None = None
    state_store: Callable[[Any, Context], StateStore] | None = None
    pubsub: Callable[[Any, Context], PubSub] | None = None
    configuration_store: Callable[[Any, Context], ConfigurationStore] | None = None
    lock: Callable[[Any, Context], Lock] | None = None
    queryable_versions: Sequence[str] = ()  # the versions of its state stores that are `Queryable`
    native_ttl: bool = False  # the system of the pub/sub itself drops a message after its `ttlInSeconds`
    # What waits at an input, as it would be read next: without opening it, taking anything or writing anywhere.
    peek: Callable[[Any, Context, int], Awaitable[Sequence[Received]]] | None = None
    operations: Mapping[str, str] = field(default_factory=dict)  # output operation -> what it does
    default_operation: str = "create"
    input_requires: Sequence[str] = ()  # metadata that is required only when it is used as an input
    output_requires: Sequence[str] = ()
    input_metadata: Mapping[str, str] = field(default_factory=dict)  # `metadata` of a received message: key -> meaning
    output_metadata: Mapping[str, str] = field(default_factory=dict)  # of one operation: key -> meaning
    runs_on_clock: bool = False  # its input needs only the clock and the store: `jackfield test` runs it as it is
    # Where its events are kept, from its metadata and the component's name, as a text that is the same for one place:
    # what an output puts there, an input of that place takes in. None: nowhere, or it cannot be said.
    place: Callable[[Any, str], str | None] | None = None
    # Dapr's type of this name is no input, so that an app takes it as one only where its `direction` says so.
    input_is_ours: bool = False
    shared_input: bool = True  # whether several pipelines may compete for the same input
    extra: str | None = None
