"""A fake engine for the tests of an app: Dapr's API in this process, in memory (docs/testing-apps.md)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Coroutine, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp import web

from bindings.contract import Change, StateStore
from engine.api.blocks import Blocks
from engine.api.http import HttpApi
from engine.api.requests import written
from engine.clock import SystemClock
from engine.server import LOOPBACK, Server
from engine.testing.fake_parts import APPS, Answer, AppCall, Apps, FakeParts, Invoked, Published, Secrets
from engine.testing.fake_stores import FakeConfiguration

__all__ = ["AppCall", "Fake", "Invoked", "Published", "fake"]

T = TypeVar("T")


class FakeStore:
    """The values of one state store by their keys, parsed from JSON."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    def __getitem__(self, key: str) -> Any:
        return json.loads(_result(self._store.get([key]))[key].value)

    def __setitem__(self, key: str, value: Any) -> None:
        _result(self._store.write([Change(key, written(value))]))

    def __contains__(self, key: str) -> bool:
        return key in _result(self._store.get([key]))


class FakeState(dict[str, FakeStore]):
    """The state stores by their names; each is there when it is first named."""

    def __init__(self, parts: FakeParts) -> None:
        self._parts = parts

    def __missing__(self, name: str) -> FakeStore:
        return self.setdefault(name, FakeStore(self._parts.store(name)))


class Fake:
    """Every state store, pub/sub and binding is there by whatever name the app calls it."""

    def __init__(
        self,
        secrets: Secrets | None = None,
        apps: Apps | None = None,
        app_id: str = "app",
        configuration: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`secrets`: by store and name. `apps`: by name, a URL or a function that answers; a pair is (status, body).

        `configuration`: by store and key. The app of `app_id` among the apps gets what changes of it over HTTP.
        """
        self._parts = FakeParts(secrets or {}, apps or {})
        self.published: list[Published] = self._parts.published
        self.operations: list[Invoked] = self._parts.operations
        self.state = FakeState(self._parts)
        self.configuration = self._parts.configuration
        for store, values in (configuration or {}).items():
            self.configuration[store] = FakeConfiguration(values)
        self.http_port = self.grpc_port = 0
        self._blocks = Blocks(self._parts, SystemClock(), app_id)
        self._thread: _LoopThread | None = None

    def answer(self, binding: str, operation: str, data: Answer) -> None:
        """What an operation of a binding gives back from now on."""
        self._parts.answers[binding, operation] = data

    def fail(self, name: str, why: str = "it was told to fail") -> None:
        """Every call of the state store, pub/sub, binding or secret store of this name fails, until `recover`."""
        self._parts.failing[name] = why

    def recover(self, name: str) -> None:
        self._parts.failing.pop(name, None)

    def __enter__(self) -> Self:
        self._thread = _LoopThread()
        try:
            self._thread.run(self._start())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None  # noqa: S101 - it was entered
        try:
            self._thread.run(self._stop())
        finally:
            self._thread.stop()

    async def __aenter__(self) -> Self:
        # In its own thread here too: the SDK for asyncio blocks its loop until the engine has answered once.
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    async def _start(self) -> None:
        async with contextlib.AsyncExitStack() as closing:
            self._parts.session = await closing.enter_async_context(aiohttp.ClientSession())
            server = Server(LOOPBACK, 0, dict, self._mount)
            await server.start()
            closing.push_async_callback(server.stop)
            self.http_port = self._parts.port = server.port
            variables = {"DAPR_HTTP_PORT": str(server.port), "DAPR_HTTP_ENDPOINT": f"http://{LOOPBACK}:{server.port}"}
            with contextlib.suppress(ImportError):  # without the extra `dapr` there is HTTP alone
                from engine.api.grpc import GrpcServer

                grpc = GrpcServer(self._blocks, LOOPBACK, 0)
                await grpc.start()
                closing.push_async_callback(grpc.stop)
                self.grpc_port = grpc.port
                endpoint = f"{LOOPBACK}:{grpc.port}"
                variables |= {"DAPR_GRPC_PORT": str(grpc.port), "DAPR_GRPC_ENDPOINT": endpoint}
            closing.push_async_callback(self._blocks.close)  # first: a stream would keep the server from stopping
            closing.enter_context(_environment(variables))
            self._closing = closing.pop_all()

    async def _stop(self) -> None:
        await self._closing.aclose()

    def _mount(self, app: web.Application) -> None:
        app.router.add_route("*", f"{APPS}/{{app}}/{{path:.*}}", self._parts.serve_app)
        HttpApi(self._blocks).mount(app)


fake = Fake


class _LoopThread:
    """An event loop in a thread of its own, for tests that have none."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="jackfield-fake", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _result(coroutine: Coroutine[Any, Any, T]) -> T:
    """Of one that never waits, as those of the state in memory: so it can be had in any thread, and in any loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it has waited")
