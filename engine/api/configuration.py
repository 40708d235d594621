"""Dapr's configuration: settings that are read, and watched.

Source: Dapr, Configuration API; dapr/dapr, pkg/api/http/http.go and pkg/api/grpc/grpc.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from bindings.contract import Clock, ConfigurationStore, Setting
from engine.api.error import ApiError
from engine.api.lending import lending
from engine.api.parts import Lent, Missing, Parts
from engine.errors import JackfieldError
from engine.event import JSON_TYPE

_log = logging.getLogger("jackfield.api")
_TIMEOUT = 60.0  # seconds for one call of the app
_WAITS = (0.5, 1.0, 2.0, 4.0)  # seconds before the app is called again

Changes = AsyncIterator[Mapping[str, Setting]]


@dataclass(slots=True)
class _Watch:
    store: str
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Configuration:
    """Keeps the subscriptions of apps; `close` ends them all."""

    def __init__(self, parts: Parts, app_id: str, clock: Clock) -> None:
        self._parts = parts
        self._app_id = app_id
        self._clock = clock
        self._watches: dict[str, _Watch] = {}
        self._deliveries: set[asyncio.Task[None]] = set()

    async def get(self, store: str, keys: Sequence[str], metadata: Mapping[str, str]) -> Mapping[str, Setting]:
        async with self._lent(store) as lent:
            try:
                return await lent.component.get(keys, metadata)
            except JackfieldError as error:
                message = f"failed to get {_go_list(keys)} from Configuration store {store}: {error}"
                raise ApiError("ERR_CONFIGURATION_GET", message, 500, "INTERNAL", coded=True) from error

    @contextlib.asynccontextmanager
    async def watching(
        self, store: str, keys: Sequence[str], metadata: Mapping[str, str]
    ) -> AsyncIterator[tuple[str, Changes]]:
        """An id, and what changes until `unsubscribe` is called with it; raises `ApiError`."""
        async with self._lent(store) as lent:
            id, watch = str(uuid.uuid4()), _Watch(store)
            try:
                changes = await lent.component.watch(sorted(keys), metadata)
                async with contextlib.aclosing(changes), contextlib.aclosing(_until(changes, watch.ended)) as until:
                    self._watches[id] = watch
                    yield id, until
            except JackfieldError as error:  # also one that comes out of the changes
                message = f"failed to subscribe {_go_list(keys)} from Configuration store {store}: {error}"
                raise ApiError("ERR_CONFIGURATION_SUBSCRIBE", message, 500, "INVALID_ARGUMENT", coded=True) from error
            finally:
                self._watches.pop(id, None)

    async def subscribe(self, store: str, keys: Sequence[str], metadata: Mapping[str, str]) -> str:
        """From now on changes are brought to the app, until `unsubscribe`; gives the id. Raises `ApiError`."""
        async with self._lent(store):
            await self._check_app()
        started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._bring(store, keys, metadata, started))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)
        return await started

    async def check(self, store: str) -> None:
        """Raises `ApiError` unless there is such a store."""
        async with self._lent(store):
            pass

    def unsubscribe(self, id: str, store: str | None = None) -> bool:
        """Whether there was such a subscription; `store`: of that store."""
        watch = self._watches.get(id)
        if watch is None or store not in (None, watch.store):
            return False
        watch.ended.set()
        return True

    async def close(self) -> None:
        for watch in self._watches.values():
            watch.ended.set()
        for task in self._deliveries:
            task.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def _check_app(self) -> None:
        try:
            await self._parts.app(self._app_id)
        except Missing:
            message = "app channel is not initialized. cannot subscribe to configuration updates"
            raise ApiError("ERR_APP_CHANNEL_NIL", message, 500, "INTERNAL") from None

    async def _bring(
        self, store: str, keys: Sequence[str], metadata: Mapping[str, str], started: asyncio.Future[str]
    ) -> None:
        try:
            async with self.watching(store, keys, metadata) as (id, changes):
                if started.cancelled():  # who asked for it has gone
                    return
                started.set_result(id)
                async for settings in changes:
                    for key in settings:
                        await self._tell(store, key, update_json(id, settings))
        except ApiError as error:
            if started.done():
                _log.error("the app is told of no more changes: %s", error.message)
            else:
                started.set_exception(error)
        finally:
            started.cancel()

    async def _tell(self, store: str, key: str, body: bytes) -> None:
        path, headers = f"/configuration/{quote(store)}/{quote(key, safe='')}", {"Content-Type": JSON_TYPE}
        for wait in (*_WAITS, None):
            try:
                app = await self._parts.app(self._app_id)  # each time: where it is may have changed
                await app.send("POST", path, headers, body, _TIMEOUT)
            except (JackfieldError, Missing) as error:
                if wait is None:
                    _log.error("a change of %s in the configuration store %s is lost: %s", key, store, error)
                else:
                    await self._clock.sleep(wait)
            else:
                return

    def _lent(self, store: str) -> AbstractAsyncContextManager[Lent[ConfigurationStore]]:
        part = self._parts.configuration_store(store)
        return lending(part, partial(_missing, store), partial(_closed, store))


def setting_json(setting: Setting) -> dict[str, object]:
    """What is empty is left out, as Dapr does."""
    whole = {"value": setting.value, "version": setting.version, "metadata": dict(setting.metadata)}
    return {name: value for name, value in whole.items() if value}


def update_json(id: str, settings: Mapping[str, Setting]) -> bytes:
    """What the app gets."""
    items = {key: setting_json(setting) for key, setting in settings.items()}
    return json.dumps({"id": id, "items": items}, ensure_ascii=False).encode(errors="replace")


def unsubscribe_error(id: str) -> str:
    return f"failed to unsubscribe to configuration request {id}: subscription does not exist"


async def _until(
    changes: AsyncGenerator[Mapping[str, Setting], None], ended: asyncio.Event
) -> AsyncGenerator[Mapping[str, Setting], None]:
    ending = asyncio.create_task(ended.wait())
    following: asyncio.Task[Mapping[str, Setting]] | None = None
    try:
        while True:
            following = asyncio.create_task(_next(changes))
            await asyncio.wait({ending, following}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            try:
                settings = following.result()
            except StopAsyncIteration:
                return
            yield settings
    finally:
        tasks = [task for task in (ending, following) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _next(changes: AsyncGenerator[Mapping[str, Setting], None]) -> Mapping[str, Setting]:
    return await anext(changes)


def _go_list(keys: Sequence[str]) -> str:
    return f"[{' '.join(keys)}]"


def _missing(store: str, missing: Missing) -> ApiError:
    if missing.others:
        code, message = "ERR_CONFIGURATION_STORE_NOT_FOUND", f"configuration store {store} not found"
        return ApiError(code, message, 400, "INVALID_ARGUMENT", coded=True)
    code, message = "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", "configuration stores not configured"
    return ApiError(code, message, 500, "FAILED_PRECONDITION", coded=True)


def _closed(store: str, error: JackfieldError) -> ApiError:
    message = f"configuration store {store} cannot be opened: {error}"
    return ApiError("ERR_CONFIGURATION_GET", message, 500, "INTERNAL", coded=True)
