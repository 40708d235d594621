"""What the fake engine lends to the API: components that are there by any name and write down their calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

import aiohttp
from aiohttp import web

from bindings.contract import (
    ConfigurationStore,
    Context,
    Lock,
    Operation,
    OutputBinding,
    Publication,
    PubSub,
    Result,
    SecretStore,
    StateStore,
)
from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from engine.api.described import AppConnection, DescribedComponent, DescribedSubscription
from engine.api.parts import Lent, Missing
from engine.api.requests import written
from engine.app import AppClient
from engine.clock import SystemClock
from engine.components import Use
from engine.definitions.dapr import SubscriptionSpec
from engine.errors import EventError, Retryable
from engine.event import EVENT_TYPE
from engine.registry import component_type
from engine.server import LOOPBACK
from engine.streams import Deliver
from engine.testing.fake_stores import FakeConfiguration, FakeConfigurationStore, FakeLocks
from engine.testing.fake_stream import FakeStream
from engine.testing.memory_store import MemoryStore

T = TypeVar("T")
APPS = "/fake-apps"  # where the apps that are functions are served


@dataclass(frozen=True, slots=True)
class Published:
    """A message as a subscriber would get it."""

    pubsub: str
    topic: str
    data: bytes
    content_type: str
    metadata: Mapping[str, str]

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent that it travels in; its `data` is what was published."""
        return cast(dict[str, Any], json.loads(self.data))


@dataclass(frozen=True, slots=True)
class Invoked:
    """One operation of an output binding."""

    binding: str
    operation: str
    data: bytes | None
    metadata: Mapping[str, str]

    @property
    def value(self) -> Any:
        """The data, parsed from JSON."""
        return None if self.data is None else json.loads(self.data)


@dataclass(frozen=True, slots=True)
class AppCall:
    """A call of another app, as that gets it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Answer: TypeAlias = Any
"""Bytes as they are, None for an empty answer, else what becomes JSON."""
Secrets: TypeAlias = Mapping[str, Mapping[str, str | Mapping[str, str]]]
Apps: TypeAlias = Mapping[str, str | Callable[[AppCall], Answer]]


class FakeParts:
    """`failing`: why, by the names of components; `answers`: by the name of a binding and an operation."""

    session: aiohttp.ClientSession
    port: int

    def __init__(self, secrets: Secrets, apps: Apps) -> None:
        self.published: list[Published] = []
        self.operations: list[Invoked] = []
        self.answers: dict[tuple[str, str], Answer] = {}
        self.failing: dict[str, str] = {}
        self.is_asked_to_stop = False
        self._secrets = secrets
        self._apps = apps
        self.configuration: dict[str, FakeConfiguration] = {}
        self._streams: list[FakeStream] = []
        self._stores: dict[str, StateStore] = {}
        self._locks: dict[str, FakeLocks] = {}
        self._state = component_type("state.in-memory")

    def store(self, name: str) -> StateStore:
        """The state store of a name, which is there when it is first named."""
        if name not in self._stores:
            make, context = self._state.state_store, Context(name, MemoryStore(), SystemClock())
            assert make is not None  # noqa: S101 - it is a state store
            self._stores[name] = make(self._state.metadata.model_validate({"keyPrefix": "none"}), context)
        return self._stores[name]

    @contextlib.asynccontextmanager
    async def state_store(self, name: str) -> AsyncIterator[Lent[StateStore]]:
        manifest = self._state
        settings = manifest.metadata.model_validate({"keyPrefix": "none"})
        yield Lent(Use(name, manifest, settings, name), self._unless_failing(name, self.store(name)))

    @contextlib.asynccontextmanager
    async def pubsub(self, name: str) -> AsyncIterator[Lent[PubSub]]:
        yield self._lent(name, cast(PubSub, _Topics(name, self._arrived)))

    def _arrived(self, published: Published) -> None:
        self.published.append(published)
        for stream in self._streams:
            stream.arrived(published.pubsub, published.topic, published.data)

    @contextlib.asynccontextmanager
    async def stream(self, wanted: SubscriptionSpec, deliver: Deliver) -> AsyncIterator[FakeStream]:
        """What is published from now on."""
        stream = FakeStream(wanted, deliver, self._publish_letter)
        self._streams.append(stream)
        try:
            yield stream
        finally:
            self._streams.remove(stream)
            await stream.close()

    def _publish_letter(self, pubsub: str, topic: str, data: bytes) -> None:
        self._arrived(Published(pubsub, topic, data, EVENT_TYPE, {}))

    @contextlib.asynccontextmanager
    async def output(self, name: str) -> AsyncIterator[Lent[OutputBinding]]:
        yield self._lent(name, cast(OutputBinding, _Output(name, self.operations, self.answers)))

    @contextlib.asynccontextmanager
    async def secret_store(self, name: str) -> AsyncIterator[Lent[SecretStore]]:
        if name not in self._secrets:
            raise Missing(name, others=bool(self._secrets))
        yield self._lent(name, cast(SecretStore, _SecretStore(self._secrets[name])))

    @contextlib.asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[Lent[Lock]]:
        yield self._lent(name, cast(Lock, self._locks.setdefault(name, FakeLocks(SystemClock()))))

    @contextlib.asynccontextmanager
    async def configuration_store(self, name: str) -> AsyncIterator[Lent[ConfigurationStore]]:
        values = self.configuration.setdefault(name, FakeConfiguration())
        yield self._lent(name, cast(ConfigurationStore, FakeConfigurationStore(values)))

    def gives_out(self, store: str, secret: str) -> bool:
        return True

    async def app(self, name: str) -> AppClient:
        if name not in self._apps:
            raise Missing(name, others=bool(self._apps))
        app = self._apps[name]
        url = app if isinstance(app, str) else f"http://{LOOPBACK}:{self.port}{APPS}/{name}"
        return AppClient(self.session, name, url)

    async def serve_app(self, request: web.Request) -> web.Response:
        """Of an app that is a function; that may block, and so gets a thread."""
        answer = self._apps.get(request.match_info["app"])
        if not callable(answer):
            return web.Response(status=404)
        path, body = f"/{request.match_info['path']}", await request.read()
        call = AppCall(request.method, path, dict(request.query), dict(request.headers), body)
        given = await asyncio.to_thread(answer, call)
        status, data = given if isinstance(given, tuple) else (200, given)
        content_type = "application/octet-stream" if isinstance(data, bytes) else "application/json"
        return web.Response(status=status, body=_data_of(data), content_type=content_type)

    def components(self) -> Sequence[DescribedComponent]:
        return [DescribedComponent(name, self._state.name, "v1") for name in self._stores]

    def subscriptions(self) -> Sequence[DescribedSubscription]:
        return []

    def connection(self) -> AppConnection | None:
        return None

    def ready(self) -> bool:
        return True

    def well(self) -> bool:
        return True

    def shut_down(self) -> None:
        self.is_asked_to_stop = True

    def _lent(self, name: str, component: T) -> Lent[T]:
        return Lent(Use(name, _MANIFEST, Metadata(), name), self._unless_failing(name, component))

    def _unless_failing(self, name: str, component: T) -> T:
        return cast(T, _Failing(self.failing[name])) if name in self.failing else component


class _Failing:
    """In the place of a component of any kind."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def _fail(self, *_: object) -> Any:
        raise Retryable(self._why)

    get = all = write = transact = publish = invoke = acquire = release = watch = _fail


class _Topics:
    def __init__(self, name: str, arrived: Callable[[Published], None]) -> None:
        self._name = name
        self._arrived = arrived

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        for one in publications:
            self._arrived(Published(self._name, topic, one.data, one.content_type, one.metadata))
        return [None] * len(publications)


class _Output:
    def __init__(self, name: str, operations: list[Invoked], answers: Mapping[tuple[str, str], Answer]) -> None:
        self._name = name
        self._operations = operations
        self._answers = answers

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        self._operations += [Invoked(self._name, one.name, one.event.data, one.metadata) for one in operations]
        return [Result(_data_of(self._answers.get((self._name, one.name)))) for one in operations]


class _SecretStore:
    def __init__(self, secrets: Mapping[str, str | Mapping[str, str]]) -> None:
        self._secrets = {name: {name: keys} if isinstance(keys, str) else keys for name, keys in secrets.items()}

    async def get(self, name: str) -> Mapping[str, str]:
        return self._secrets[name]

    async def all(self) -> Mapping[str, Mapping[str, str]]:
        return self._secrets


def _data_of(answer: Answer) -> bytes | None:
    return answer if answer is None or isinstance(answer, bytes) else written(answer)


_MANIFEST = ComponentType(name="fake", summary="Written down, and not done.", metadata=Metadata, example="")
