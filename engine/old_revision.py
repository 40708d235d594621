"""An old revision of a pipeline: built when a replay wants it, beside the current one, and closed when it is idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from bindings.contract import Clock, Outcome, Received, Settled
from bindings.store import DurableQueue, Store
from engine.builder import Built
from engine.definitions.pipeline import Retry
from engine.errors import DefinitionError, JackfieldError
from engine.replay import letter_again, queue_name
from engine.retry import Insistence

LINGER = 5.0  # seconds between two looks whether there is still something under way
_AT_ONCE = 100
_RETRY = Retry(initial=1.0, max=30.0)
_log = logging.getLogger("jackfield.old_revision")


class OldRevision:
    """`build` makes it run on this queue; raises as `Builder.build`."""

    def __init__(
        self,
        pipeline: str,
        revision: str,
        build: Callable[[str, DurableQueue], Awaitable[Built]],
        store: Store,
        clock: Clock,
        drain: float,
    ) -> None:
        self._pipeline = pipeline
        self._revision = revision
        self._build = build
        self._store = store
        self._clock = clock
        self._drain = drain
        self._queue = store.queue(queue_name(pipeline, revision))

    async def serve(self) -> None:
        """Does its replays, until there are none. Cancelled, it is drained; what is not done stays in its queue."""
        what = f"{self._pipeline}: the old revision {self._revision} cannot do its replays"
        await Insistence(_RETRY, self._clock, _log).on(self._do_replays, what)

    async def _do_replays(self) -> None:
        """Returns when they are done, or are dead letters again because it can never run."""
        try:
            if not (waiting := await self._waiting()):
                return
            try:
                built = await self._build(self._revision, self._queue)
            except DefinitionError as error:
                await self._give_up(waiting, str(error))
            except JackfieldError:
                raise  # it may run later
            except Exception as error:
                _log.exception("%s: the old revision %s could not be built", self._pipeline, self._revision)
                await self._give_up(waiting, f"internal error: {type(error).__name__}: {error}")
            else:
                await self._work(built)
        finally:
            await self._queue.close()

    async def _waiting(self) -> Sequence[Received]:
        try:
            async with asyncio.timeout(LINGER):
                return await self._queue.read(_AT_ONCE)
        except TimeoutError:
            return ()  # another engine has them

    async def _work(self, built: Built) -> None:
        try:
            await self._queue.close()  # gives back what was read: now the run reads
            built.run.start()
            while True:
                await self._clock.sleep(LINGER)
                if not built.run.under_way:
                    return
        finally:
            try:
                await built.run.stop(self._drain)
            finally:
                await built.close()

    async def _give_up(self, waiting: Sequence[Received], reason: str) -> None:
        error = f"the old revision {self._revision}, which failed, cannot run again: {reason}"
        letters = [letter_again(one, self._pipeline, error, self._clock.now()) for one in waiting]
        await self._store.add_dead_letters(letters)
        await self._queue.settle([Settled(one, Outcome.DEAD_LETTERED) for one in waiting])
        _log.warning("%s: %d replays are dead letters again: %s", self._pipeline, len(waiting), error)
