"""One pipeline by its name, through all its revisions; an old one runs until the new one can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from bindings.contract import Clock
from engine.builder import Built
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import Pipeline, Retry
from engine.errors import DefinitionError, JackfieldError
from engine.faults import reach
from engine.observer import Counts
from engine.retry import backoff
from engine.revisions import Revisions
from engine.server import Server
from engine.status import State, Status

_log = logging.getLogger("jackfield.slot")
_RETRY = Retry(initial=1.0, max=30.0)
_CLOSING = 10.0  # seconds that an old revision keeps the new one from reading, when it hangs while it is closed


class Lifecycle(Protocol):
    """What is told of a pipeline's revisions."""

    def started(self, pipeline: str, revision: str, file: str) -> None: ...
    def swapped(self, pipeline: str, revision: str, file: str) -> None: ...
    def stopped(self, pipeline: str) -> None: ...
    def refused(self, pipeline: str, reason: str, old_runs: bool) -> None: ...
    def waiting(self, pipeline: str, reason: str, seconds: float, old_runs: bool) -> None: ...


class Slot:
    def __init__(
        self,
        name: str,
        revisions: Revisions,
        server: Server,
        clock: Clock,
        lifecycle: Lifecycle,
        drain: float,
    ) -> None:
        self.revision = ""  # the one that is wanted; it runs unless there is a problem
        self._name = name
        self._revisions = revisions
        self._server = server
        self._clock = clock
        self._lifecycle = lifecycle
        self._drain = drain
        self._built: Built | None = None
        self._wanted: Located[Pipeline] | None = None
        self._is_refused = False
        self._problem = ""
        self._retrying: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str:
        """Why the wanted revision does not run, or does not read; empty when all is well."""
        return self._problem or (self._built.run.problem if self._built else "")

    def status(self, counts: Counts) -> Status:
        run = self._built.run if self._built is not None else None
        pauses = run.pauses if run is not None else {}
        state: State = "paused" if pauses else "running"
        if self.problem:
            state = "refused" if self._is_refused else "waiting"
        return Status(
            state,
            self._wanted.document.shown if self._wanted is not None else "",
            _input_of(self._wanted.model) if self._wanted is not None else "",
            revision=run.flow.revision if run is not None else "",
            problem=self.problem,
            paused=pauses,
            under_way=run.under_way if run is not None else 0,
            counts=counts,
        )

    async def replace(self, pipeline: Located[Pipeline], definitions: Definitions, revision: str) -> None:
        """Makes this revision the running one, or says why not; one whose system is away is tried again."""
        await self._give_up_retrying()
        self.revision, self._wanted = revision, pipeline
        if not await self._try(pipeline, definitions, 1):
            self._retrying = asyncio.get_running_loop().create_task(self._try_again(pipeline, definitions))

    async def stop(self) -> None:
        """Drains and closes; what could not be finished in time is given out again by its input."""
        await self._give_up_retrying()
        if self._built is not None:
            await asyncio.gather(self._built.run.stop(self._drain), self._revisions.stop())
            await self._close(self._built)
            self._built = None
            self._lifecycle.stopped(self._name)

    async def _give_up_retrying(self) -> None:
        if self._retrying is not None:
            self._retrying.cancel()
            await asyncio.gather(self._retrying, return_exceptions=True)
            self._retrying = None

    async def _try_again(self, pipeline: Located[Pipeline], definitions: Definitions) -> None:
        tries = 1
        while True:
            await self._clock.sleep(backoff(_RETRY, tries))
            tries += 1
            if await self._try(pipeline, definitions, tries):
                return

    async def _try(self, pipeline: Located[Pipeline], definitions: Definitions, tries: int) -> bool:
        """True when there is nothing more to try: it runs, or it never can."""
        self._is_refused = False
        try:
            await self._swap(pipeline, definitions)
        except DefinitionError as error:
            self._problem, self._is_refused = str(error), True
            self._lifecycle.refused(self._name, self._problem, self._built is not None)
        except JackfieldError as error:
            self._problem = str(error)
            self._lifecycle.waiting(
                self._name, self._problem, backoff(_RETRY, tries, draw=1.0), self._built is not None
            )
            return False
        except Exception as error:  # a bug in a binding: the other pipelines and the old revision go on
            _log.exception("%s could not be started", self._name)
            self._problem, self._is_refused = f"internal error: {type(error).__name__}: {error}", True
            self._lifecycle.refused(self._name, self._problem, self._built is not None)
        else:
            self._problem = ""
        return True

    async def _swap(self, pipeline: Located[Pipeline], definitions: Definitions) -> None:
        new = await self._revisions.build(pipeline, definitions, self.revision)
        # Cancelled half-way, it would leave an old revision that neither reads nor is replaced.
        await to_the_end(self._put_in_place(new, definitions))

    async def _put_in_place(self, new: Built, definitions: Definitions) -> None:
        old = self._built
        try:
            await self._hand_over(old, new)
        except BaseException:
            await self._close(new)
            raise
        self._built = new
        if new.webhook is not None:
            self._server.webhooks[new.input_use.name] = new.webhook
        closing = [asyncio.ensure_future(self._close(old))] if old is not None else []
        if closing:  # what it gives back comes before what the new one reads
            await asyncio.wait(closing, timeout=_CLOSING)
        new.run.start()
        tell = self._lifecycle.swapped if old else self._lifecycle.started
        tell(self._name, new.run.flow.revision, new.pipeline.document.shown)
        await self._revisions.starts(new.pipeline, definitions, new.run.flow.revision)
        await asyncio.gather(*closing)

    async def _hand_over(self, old: Built | None, new: Built) -> None:
        """Opens the new input beside the old one where the system lets two readers share it, else after it."""
        shared = new.input_use.manifest.shared_input
        if old is None or shared:
            await new.open_input()
        if old is None:
            return
        await old.run.stop(self._drain)
        reach("reload")
        if not shared:
            try:
                await new.open_input()
            except BaseException:
                old.run.start()
                raise

    async def _close(self, built: Built) -> None:
        if built.webhook is not None and self._server.webhooks.get(built.input_use.name) is built.webhook:
            del self._server.webhooks[built.input_use.name]
        try:
            await built.close()
        except Exception as error:  # the others go on, whatever is wrong with one binding
            bug = None if isinstance(error, JackfieldError) else error
            _log.warning("%s: could not be closed cleanly: %s", self._name, error, exc_info=bug)


def _input_of(pipeline: Pipeline) -> str:
    source = pipeline.spec.input
    name = source.component if isinstance(source.component, str) else source.component.type
    return name if source.topic is None else f"{name}, topic {source.topic}"


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Does all of the work although it is cancelled in the middle, and only then says so."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
