"""The revisions of one pipeline: each that starts is kept, and an old one runs again for the replays that want it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace

from bindings.contract import Clock, Received
from bindings.store import DurableQueue, Message, Store
from engine.builder import Builder, Built
from engine.definitions.check import Definitions, check
from engine.definitions.diagnostic import Severity
from engine.definitions.folder import Located
from engine.definitions.pipeline import Pipeline, Retry
from engine.errors import DefinitionError, JackfieldError
from engine.history import History
from engine.observer import Counts
from engine.old_revision import OldRevision
from engine.relay import Relay
from engine.replay import queue_name, wanted_revision
from engine.retry import Insistence
from engine.silence import Silence

_REFERS_TO_AN_ERROR = "E303"
_RETRY = Retry(initial=1.0, max=30.0)
_LOOK_EVERY = 30.0  # seconds: for what an engine that died has left
_log = logging.getLogger("jackfield.revisions")


class Revisions:
    """Replays that only an old revision may do go from the pipeline's replay queue to a queue of that revision, which
    runs for as long as that holds something, also what a former life or another engine has left there.
    """

    def __init__(
        self, pipeline: str, counts: Counts, builder: Builder, store: Store, clock: Clock, drain: float
    ) -> None:
        self._pipeline = pipeline
        self._counts = counts
        self._builder = builder
        self._store = store
        self._clock = clock
        self._drain = drain
        self._history = History(store, clock)
        self._current = Definitions()
        self._old: dict[str, asyncio.Task[None]] = {}
        self._serving: asyncio.Task[None] | None = None
        self._look = asyncio.Event()

    async def build(self, pipeline: Located[Pipeline], definitions: Definitions, revision: str) -> Built:
        """As `Builder.build`."""
        replays = Relay(self._store.queue(queue_name(self._pipeline)), revision, self._pass_on)
        return await self._builder.build(pipeline, definitions, revision, self._counts, replays)

    async def starts(self, pipeline: Located[Pipeline], definitions: Definitions, revision: str) -> None:
        """Keeps what the revision is made of that starts now; it starts also when the store does not take it."""
        self._current = definitions
        try:
            await self._history.record(pipeline, definitions, revision)
        except Exception as error:
            bug = None if isinstance(error, JackfieldError) else error
            _log.warning("%s: the revision %s could not be kept: %s", self._pipeline, revision, error, exc_info=bug)
        if self._serving is None:
            self._serving = asyncio.get_running_loop().create_task(self._serve_all())

    async def stop(self) -> None:
        """Drains the old revisions that run."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        for old in self._old.values():
            old.cancel()
        await asyncio.gather(*self._old.values(), return_exceptions=True)

    async def _serve_all(self) -> None:
        what = f"{self._pipeline}: the replays of old revisions could not be looked for"
        looking = Insistence(_RETRY, self._clock, _log)
        while True:
            self._look.clear()
            await looking.on(self._serve_those_with_replays, what)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._look.wait()

    async def _serve_those_with_replays(self) -> None:
        prefix = queue_name(self._pipeline, revision="")
        for queue in await self._store.queues(prefix):
            self._serve(queue.removeprefix(prefix))

    async def _pass_on(self, received: Sequence[Received]) -> None:
        """Returns when the replays are durable in the queues of the revisions that they want."""
        for revision in dict.fromkeys(map(wanted_revision, received)):
            mine = [one for one in received if wanted_revision(one) == revision]
            queue = self._store.queue(queue_name(self._pipeline, revision))
            await queue.put([Message(one.id, one.data, one.attributes, one.metadata) for one in mine])
            await queue.close()
        self._look.set()

    def _serve(self, revision: str) -> None:
        if revision in self._old:
            return
        old = OldRevision(self._pipeline, revision, self._build_old, self._store, self._clock, self._drain)
        self._old[revision] = asyncio.get_running_loop().create_task(old.serve())
        self._old[revision].add_done_callback(lambda _: self._ended(revision))

    def _ended(self, revision: str) -> None:
        del self._old[revision]
        self._look.set()  # more may have come in the meantime

    async def _build_old(self, revision: str, replays: DurableQueue) -> Built:
        """As it was, with the secrets as they are now; outputs that only the app's answers name are those of now."""
        kept = next((one for one in await self._history.revisions(self._pipeline) if one.id == revision), None)
        if kept is None:
            hint = "replay with --revision current"
            raise DefinitionError(f"revision {revision} of {self._pipeline} is not kept any more", hint=hint)
        root = self._current.root
        report = await check(kept.folder(root), schemas=kept.schema_sources(root))
        errors = [diagnostic for diagnostic in report.diagnostics if diagnostic.severity is Severity.ERROR]
        if errors:
            cause = min(errors, key=lambda error: error.code == _REFERS_TO_AN_ERROR)
            raise DefinitionError(f"{cause.span}: {cause.message}", hint=cause.hint)
        then = report.definitions
        components = {**self._current.components, **then.components}
        definitions = replace(then, apps={**self._current.apps, **then.apps}, components=components)
        pipeline = then.pipelines[self._pipeline]
        return await self._builder.build(pipeline, definitions, revision, self._counts, replays, Silence())
