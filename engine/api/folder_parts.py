"""The components and apps of the folder, as the API uses them: opened at first use, shared with the pipelines."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from bindings.contract import ConfigurationStore, Lock, OutputBinding, PubSub, SecretStore, StateStore
from bindings.manifest import ComponentType
from engine.api.described import (
    AppConnection,
    DescribedComponent,
    DescribedSubscription,
    components_of,
    connection_of,
    subscriptions_of,
)
from engine.api.parts import Lent, Missing
from engine.app import AppClient
from engine.builder import Builder
from engine.components import Components, Use
from engine.definitions.check import Definitions
from engine.definitions.dapr import Configuration, SubscriptionSpec
from engine.errors import JackfieldError
from engine.registry import installed_type
from engine.streams import Deliver, Streaming, Streams

_log = logging.getLogger("jackfield.api")
T = TypeVar("T")


class FolderParts:
    """Holds what it has opened, so that a call does not open it anew, until its definition changes.

    `well`: whether all that should run does. `app_id`: whose API it is; components whose `scopes` do not name it are
    not there for it.
    """

    def __init__(
        self,
        components: Components,
        well: Callable[[], bool],
        shut_down: Callable[[], None],
        app_id: str,
        streams: Streams,
    ) -> None:
        self._components = components
        self._app_id = app_id
        self._streams = streams
        self.well = well
        self.shut_down = shut_down
        self._definitions = Definitions(Path())
        self._builder: Builder | None = None
        self._uses: dict[str, Use] = {}
        self._held: dict[str, Use] = {}

    def ready(self) -> bool:
        return self._builder is not None

    def components(self) -> Sequence[DescribedComponent]:
        return components_of(self._definitions, self._app_id)

    def subscriptions(self) -> Sequence[DescribedSubscription]:
        return subscriptions_of(self._definitions, self._app_id, self._streams.wanted)

    def connection(self) -> AppConnection | None:
        return connection_of(self._definitions, self._app_id)

    async def apply(self, definitions: Definitions, builder: Builder) -> None:
        """What is held and is still defined as it was stays open; the rest is closed when nobody uses it."""
        self._definitions, self._builder = definitions, builder
        self._uses.clear()
        self._streams.apply(definitions)
        for name, held in list(self._held.items()):
            if await self._fingerprint(name) != held.fingerprint:
                await self._let_go(name)

    async def close(self) -> None:
        self._definitions, self._builder = Definitions(Path()), None
        for name in list(self._held):
            await self._let_go(name)

    def state_store(self, name: str) -> AbstractAsyncContextManager[Lent[StateStore]]:
        return self._lent(name, lambda manifest: manifest.state_store, self._components.state_store)

    def pubsub(self, name: str) -> AbstractAsyncContextManager[Lent[PubSub]]:
        return self._lent(name, lambda manifest: manifest.pubsub, self._components.pubsub)

    def output(self, name: str) -> AbstractAsyncContextManager[Lent[OutputBinding]]:
        return self._lent(name, lambda manifest: manifest.output, self._components.output)

    def secret_store(self, name: str) -> AbstractAsyncContextManager[Lent[SecretStore]]:
        return self._lent(name, lambda manifest: manifest.secret_store, self._components.secret_store)

    def lock(self, name: str) -> AbstractAsyncContextManager[Lent[Lock]]:
        return self._lent(name, lambda manifest: manifest.lock, self._components.lock)

    def configuration_store(self, name: str) -> AbstractAsyncContextManager[Lent[ConfigurationStore]]:
        return self._lent(name, lambda manifest: manifest.configuration_store, self._components.configuration_store)

    def gives_out(self, store: str, secret: str) -> bool:
        scopes = (
            scope
            for one in self._definitions.others
            if isinstance(one.model, Configuration)
            for scope in one.model.spec.secrets.scopes
        )
        return all(scope.allows(secret) for scope in scopes if scope.store_name == store)

    async def app(self, name: str) -> AppClient:
        definitions = self._definitions
        if self._builder is None or name not in definitions.apps:
            raise Missing(name, others=bool(definitions.apps))
        async with self._builder.resolver(definitions) as resolver:
            return await self._builder.named_app(name, definitions, resolver)

    @contextlib.asynccontextmanager
    async def stream(self, wanted: SubscriptionSpec, deliver: Deliver) -> AsyncIterator[Streaming]:
        self._check(wanted.pubsubname, lambda manifest: manifest.pubsub)
        if self._builder is None:
            raise Missing(wanted.pubsubname, others=False)
        async with self._streams.opened(wanted, deliver, self._definitions, self._builder) as stream:
            yield stream

    @contextlib.asynccontextmanager
    async def _lent(
        self, name: str, role: Callable[[ComponentType], object], open: Callable[[Use], Awaitable[T]]
    ) -> AsyncIterator[Lent[T]]:
        self._check(name, role)
        use = await self._use(name)
        opened = await open(use)  # one use for the call, so that a change of the folder does not end it
        try:
            if name not in self._held and self._uses.get(name) is use:
                self._held[name] = use
                await open(use)
            yield Lent(use, opened)
        finally:
            await self._components.release(use)

    def _check(self, name: str, role: Callable[[ComponentType], object]) -> None:
        """Raises `Missing`."""
        if not self._has(name, role):
            raise Missing(name, others=any(self._has(other, role) for other in self._definitions.components))

    def _has(self, name: str, role: Callable[[ComponentType], object]) -> bool:
        component = self._definitions.components.get(name)
        manifest = installed_type(component.model.spec.type) if component is not None else None
        if component is None or manifest is None or not role(manifest):
            return False
        return not component.model.scopes or self._app_id in component.model.scopes

    async def _use(self, name: str) -> Use:
        definitions = self._definitions
        if name in self._uses:
            return self._uses[name]
        if self._builder is None:
            raise Missing(name, others=False)
        async with self._builder.resolver(definitions) as resolver:
            use = await resolver.component(name)
        if definitions is not self._definitions:  # it has changed meanwhile: this one is for this call only
            return use
        return self._uses.setdefault(name, use)

    async def _fingerprint(self, name: str) -> str | None:
        """None for what cannot be had any more."""
        try:
            return (await self._use(name)).fingerprint
        except JackfieldError:
            return None

    async def _let_go(self, name: str) -> None:
        try:
            await self._components.release(self._held.pop(name))
        except JackfieldError as error:
            _log.warning("component %s did not close: %s", name, error)
