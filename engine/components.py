"""The components in use: an input belongs to one pipeline, all else is opened once and shared."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast
from weakref import WeakValueDictionary

from bindings.contract import (
    Clock,
    ConfigurationStore,
    Context,
    InputBinding,
    Lock,
    OutputBinding,
    PubSub,
    SecretStore,
    StateStore,
    Subscription,
)
from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from bindings.store import Store
from engine.errors import DefinitionError, JackfieldError, NotReady
from engine.spool import Spool
from engine.topics import TopicInput, TopicOutput


@dataclass(frozen=True, slots=True)
class Use:
    """A binding as a pipeline uses it, with its settings resolved. Two uses of one `fingerprint` are the same."""

    name: str
    manifest: ComponentType
    settings: Metadata
    fingerprint: str
    init_timeout: float = 5.0
    version: str = "v1"


class _Opens(Protocol):
    async def open(self) -> None: ...
    async def close(self) -> None: ...


B = TypeVar("B", bound=_Opens)


@dataclass(slots=True)
class _Shared:
    opened: _Opens
    users: int = 0


class Components:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shared: dict[str, _Shared] = {}
        self._opening: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def input(self, use: Use) -> InputBinding:
        """A new input, not opened."""
        if use.manifest.input is None:
            raise DefinitionError(f"{use.manifest.name} cannot be an input")
        with _missing_library(use.manifest):
            return use.manifest.input(use.settings, self._context(use))

    def topic(self, use: Use, wanted: Subscription) -> InputBinding:
        """A topic of a pub/sub as an input, not opened."""
        return TopicInput(lambda: self.pubsub(use), lambda: self.release(use), wanted, f"/{use.name}")

    def durable(self, binding: InputBinding, use: Use) -> InputBinding:
        """The input as the pipeline reads it."""
        return Spool(binding, self._store.queue(use.name)) if binding.redelivery == "store" else binding

    async def output(self, use: Use) -> OutputBinding:
        """The opened output, for a pub/sub that of its topics; every call must be followed by one of `release`.

        Raises `DefinitionError` when it can never be opened like this, `NotReady` when its system does not answer.
        """
        if use.manifest.pubsub is not None:
            return TopicOutput(use.name, await self.pubsub(use), use.manifest.native_ttl, self._clock)
        return await self._share(use, use.manifest.output, "an output")

    async def state_store(self, use: Use) -> StateStore:
        """As `output`."""
        return await self._share(use, use.manifest.state_store, "a state store")

    async def pubsub(self, use: Use) -> PubSub:
        """As `output`."""
        return await self._share(use, use.manifest.pubsub, "a pub/sub")

    async def secret_store(self, use: Use) -> SecretStore:
        """As `output`."""
        return await self._share(use, use.manifest.secret_store, "a secret store")

    async def configuration_store(self, use: Use) -> ConfigurationStore:
        """As `output`."""
        return await self._share(use, use.manifest.configuration_store, "a configuration store")

    async def lock(self, use: Use) -> Lock:
        """As `output`."""
        return await self._share(use, use.manifest.lock, "a lock")

    async def _share(self, use: Use, make: Callable[[Any, Context], B] | None, role: str) -> B:
        if make is None:
            raise DefinitionError(f"{use.manifest.name} cannot be {role}")
        # One lock for each: one whose system does not answer must not hold up the others.
        async with self._opening.setdefault(use.fingerprint, asyncio.Lock()):
            shared = self._shared.get(use.fingerprint)
            if shared is None:
                with _missing_library(use.manifest):
                    made = make(use.settings, self._context(use))
                await open_within(made, use)
                shared = self._shared[use.fingerprint] = _Shared(made)
            shared.users += 1
            return cast(B, shared.opened)  # a component has one role beside its input

    async def release(self, use: Use) -> None:
        """The last one who uses it closes it."""
        shared = self._shared[use.fingerprint]
        shared.users -= 1
        if shared.users == 0:
            del self._shared[use.fingerprint]
            await shared.opened.close()

    def _context(self, use: Use) -> Context:
        return Context(use.name, self._store, self._clock, use.version)


async def open_within(binding: B, use: Use) -> B:
    """Opens a binding within its `initTimeout`; closes what could not be opened."""
    try:
        async with asyncio.timeout(use.init_timeout):
            await binding.open()
    except TimeoutError as error:
        await binding.close()
        message = f"component {use.name} ({use.manifest.name}) did not open within {use.init_timeout:g} s"
        raise NotReady(message) from error
    except BaseException as error:
        await binding.close()
        if isinstance(error, JackfieldError) and not isinstance(error, DefinitionError | NotReady):
            raise NotReady(f"component {use.name} ({use.manifest.name}) cannot be opened: {error}") from error
        raise
    return binding


@contextlib.contextmanager
def _missing_library(manifest: ComponentType) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        extra = f"[{manifest.extra}]" if manifest.extra else ""
        hint = f"pip install 'jackfield{extra}'"
        raise DefinitionError(f"{manifest.name} needs the package {error.name!r}", hint=hint) from error
