"""The revisions of one pipeline: each that starts is kept, and an old one runs again for the replays that want it."""

from __future__ import annotations

import asyncio
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
_log = logging.getLogger("jackfield.revisions")


class Revisions:
    """Replays that only an old revision may do go from the pipeline's replay queue to a queue of that revision; a mark
    in the store for each such queue says after a restart that there may be something in it.
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
        self._old: dict[str, OldRevision] = {}
        self._resuming: asyncio.Task[None] | None = None
        self._stopped = False

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
        if self._resuming is None:
            what = f"{self._pipeline}: the replays of old revisions could not be looked for"
            work = Insistence(_RETRY, self._clock, _log).on(self._resume, what)
            self._resuming = asyncio.get_running_loop().create_task(work)

    async def stop(self) -> None:
        """Drains the old revisions that run."""
        self._stopped = True
        if self._resuming is not None:
            self._resuming.cancel()
            await asyncio.gather(self._resuming, return_exceptions=True)
        await asyncio.gather(*(old.stop() for old in self._old.values()))

    async def _resume(self) -> None:
        for revision in await self._store.marks(self._marks):
            self._serve(revision)

    async def _pass_on(self, received: Sequence[Received]) -> None:
        """Returns when the replays are durable in the queues of the revisions that they want."""
        for revision in dict.fromkeys(map(wanted_revision, received)):
            mine = [one for one in received if wanted_revision(one) == revision]
            await self._store.set_marks(self._marks, {revision: ""})
            queue = self._store.queue(queue_name(self._pipeline, revision))
            await queue.put([Message(one.id, one.data, one.attributes, one.metadata) for one in mine])
            await queue.close()
            self._serve(revision)

    def _serve(self, revision: str) -> None:
        if revision not in self._old and not self._stopped:
            place = self._pipeline, revision
            self._old[revision] = OldRevision(*place, self._build_old, self._store, self._clock, self._drain)

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

    @property
    def _marks(self) -> str:
        return f"replays/{self._pipeline}"
