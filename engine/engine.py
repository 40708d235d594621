"""The engine: runs what the definitions say, and changes what runs when they change."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Protocol

import aiohttp

from bindings.contract import Clock
from bindings.store import Store
from engine.api.blocks import Blocks
from engine.api.folder_parts import FolderParts
from engine.api.grpc_port import GrpcPort
from engine.api.http import HttpApi
from engine.api.options import ApiOptions
from engine.app import AppClient
from engine.builder import Builder
from engine.components import Components
from engine.definitions.check import Definitions
from engine.definitions.pipeline import Retry
from engine.errors import NotReady
from engine.observer import Counts, Observer
from engine.retry import Insistence
from engine.revision import revision_of
from engine.revisions import Revisions
from engine.server import Server
from engine.slot import Lifecycle, Slot
from engine.status import Status
from engine.streams import Streams
from engine.version import VERSION

_log = logging.getLogger("jackfield.engine")
_RETRY = Retry(initial=0.5, max=10.0)


class Report(Observer, Lifecycle, Protocol):
    """All that the engine tells."""


class Engine:
    """`drain`: seconds that a pipeline gets to finish what is under way when it is swapped or stopped.

    `api`: how the API for apps is served. `asked_to_stop` is set by its shutdown call.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        report: Report,
        host: str,
        port: int,
        drain: float,
        api: ApiOptions | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._drain = drain
        self._slots: dict[str, Slot] = {}
        self._counts: dict[str, Counts] = {}
        self._has_applied = False
        self._opening = Insistence(_RETRY, clock, _log, only=NotReady)
        self._components = Components(store, clock)
        self.asked_to_stop = asyncio.Event()
        options = self._options = api or ApiOptions()
        self._streams = Streams(store, self._counts, report, options.app_id, drain)
        self._parts = FolderParts(
            self._components,
            lambda: not self._not_ready(),
            self.asked_to_stop.set,
            options.app_id,
            self._streams,
        )
        token = os.environ.get("DAPR_API_TOKEN") or None
        # It gives out secrets: a network must not have it just because webhooks are for everybody.
        self._serves_api = token is not None or host == "localhost" or host.startswith("127.") or host == "::1"
        self._blocks = Blocks(self._parts, clock, options.app_id, token, options.max_body)
        mount = HttpApi(self._blocks).mount if self._serves_api else None
        self.server = Server(host, port, self._not_ready, mount, self._status)
        self.grpc = GrpcPort(self._blocks, host, options) if self._serves_api else None

    async def start(self) -> None:
        """Listens and opens the store, which is waited for; raises `DefinitionError` when one of them cannot be."""
        await self.server.start()
        if not self._serves_api:
            _log.warning("the API for apps is not served on %s: set DAPR_API_TOKEN for that", self.server.host)
        try:
            if self.grpc is not None:
                await self.grpc.open()
            await self._opening.on(self._store.open, "the store cannot be opened")
        except BaseException:
            await self._stop_serving()
            raise
        # No limit here: the pipelines' concurrency and the apps' maxConcurrency are the limits that people set.
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        self._builder = Builder(
            self._store, self._clock, self._session, self._components, self._report, self._options.app_id
        )

    async def apply(self, definitions: Definitions) -> None:
        """Stops, then starts and swaps pipelines side by side until what runs is what is defined.

        Returns when each has been tried once; one whose system is away is tried again in the background.
        """
        await self._parts.apply(definitions, self._builder)
        # First: a pipeline that got another name must not read its input beside its former self.
        await asyncio.gather(*(self._remove(name) for name in self._slots if name not in definitions.pipelines))
        changes = []
        for name, pipeline in definitions.pipelines.items():
            revision = revision_of(pipeline, definitions)
            slot = self._slots.get(name)
            if slot is None:
                counts = self._counts.setdefault(name, Counts())
                revisions = Revisions(name, counts, self._builder, self._store, self._clock, self._drain)
                slot = Slot(name, revisions, self.server, self._clock, self._report, self._drain)
                self._slots[name] = slot
            if slot.revision != revision:
                changes.append(slot.replace(pipeline, definitions, revision))
        await asyncio.gather(*changes)
        self._has_applied = True

    @property
    def app_id(self) -> str:
        return self._options.app_id

    async def app(self, name: str) -> AppClient:
        """The client of an app of the folder; raises `Missing`, or `DefinitionError`."""
        return await self._parts.app(name)

    async def _remove(self, name: str) -> None:
        await self._slots[name].stop()
        del self._slots[name]  # only now: `stop` does the rest when this is cancelled

    async def stop(self) -> None:
        """Drains all pipelines, then closes the server, the connections and the store, in this order."""
        await asyncio.gather(self._streams.close(), *(slot.stop() for slot in self._slots.values()))
        self._slots.clear()
        await self._stop_serving()
        await self._parts.close()
        await self._session.close()
        await self._store.close()

    async def _stop_serving(self) -> None:
        await self._blocks.close()
        await asyncio.gather(self.server.stop(), *([self.grpc.close()] if self.grpc is not None else []))

    def status(self) -> Mapping[str, Status]:
        """Of each pipeline, by its name."""
        return {name: slot.status(self._counts[name]) for name, slot in sorted(self._slots.items())}

    def problems(self) -> Mapping[str, str]:
        """Why pipelines do not run, by their name."""
        return {name: slot.problem for name, slot in self._slots.items() if slot.problem}

    def _not_ready(self) -> Mapping[str, object]:
        if self._opening.problem:
            return {"store": self._opening.problem}
        if not self._has_applied:
            return {"definitions": "they have not been applied yet"}
        problems = self.problems()
        return {"pipelines": problems} if problems else {}

    def _status(self) -> Mapping[str, object]:
        pipelines = {name: status.as_json() for name, status in self.status().items()}
        return {"version": VERSION, **self._not_ready(), "pipelines": pipelines}

    @property
    def counts(self) -> Mapping[str, Counts]:
        """The counts of all pipelines that ran since the start, also of those that are gone."""
        return self._counts
