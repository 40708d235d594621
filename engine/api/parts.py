"""What the API needs of its surroundings: the components and apps by their names, opened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bindings.contract import ConfigurationStore, Lock, OutputBinding, PubSub, SecretStore, StateStore
from engine.api.described import AppConnection, DescribedComponent, DescribedSubscription
from engine.app import AppClient
from engine.components import Use
from engine.definitions.dapr import SubscriptionSpec
from engine.streams import Deliver

T = TypeVar("T", covariant=True)


class Missing(LookupError):
    """There is no component of this name in its role; `others`: there are components of other names in it."""

    def __init__(self, name: str, others: bool) -> None:
        super().__init__(name)
        self.others = others


@dataclass(frozen=True, slots=True)
class Lent(Generic[T]):
    """An opened component, and how it is defined."""

    use: Use
    component: T


class Topic(Protocol):
    """What a stream reads; `ended` is set when it cannot go on, with the reason."""

    @property
    def wanted(self) -> SubscriptionSpec: ...
    @property
    def ended(self) -> asyncio.Event: ...
    @property
    def reason(self) -> str: ...

    def end(self, reason: str) -> None: ...
    async def finish(self) -> None: ...  # No more messages; returns when those that are under way are answered


class Parts(Protocol):
    """Each is lent for one call and stays open until that ends. A name that is not there raises `Missing`, one that
    cannot be opened `DefinitionError` or `NotReady`.
    """

    def state_store(self, name: str) -> AbstractAsyncContextManager[Lent[StateStore]]: ...
    def pubsub(self, name: str) -> AbstractAsyncContextManager[Lent[PubSub]]: ...
    def output(self, name: str) -> AbstractAsyncContextManager[Lent[OutputBinding]]: ...
    def secret_store(self, name: str) -> AbstractAsyncContextManager[Lent[SecretStore]]: ...
    def lock(self, name: str) -> AbstractAsyncContextManager[Lent[Lock]]: ...
    def configuration_store(self, name: str) -> AbstractAsyncContextManager[Lent[ConfigurationStore]]: ...
    async def app(self, name: str) -> AppClient: ...  # Raises `Missing`, or `DefinitionError`

    # The messages of a topic, for as long as it is entered
    def stream(self, wanted: SubscriptionSpec, deliver: Deliver) -> AbstractAsyncContextManager[Topic]: ...
    def components(self) -> Sequence[DescribedComponent]: ...
    def subscriptions(self) -> Sequence[DescribedSubscription]: ...  # of the app
    def connection(self) -> AppConnection | None: ...  # to the app, if there is one
    def gives_out(self, store: str, secret: str) -> bool: ...  # whether apps may have a secret
    def ready(self) -> bool: ...  # whether there is something to lend
    def well(self) -> bool: ...  # whether all that should run does
    def shut_down(self) -> None: ...
