"""One revision of a pipeline while it runs: reads when there is room, works side by side, and drains when it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from bindings.contract import Clock, InputBinding, Outcome, Received, Settled
from engine.definitions.pipeline import Retry
from engine.envelope import EnvelopeMaker
from engine.errors import JackfieldError
from engine.flow import Flow
from engine.passage import Arrival, Passage
from engine.retry import backoff
from engine.settler import Settler
from engine.waiting import Waiting
from engine.workload import Workload

_log = logging.getLogger("jackfield.pipeline")
_REOPEN = Retry(initial=0.5, max=30.0)
_MOST_WAITING = 1000  # events that wait for another try do not hold up the others, up to this number


class PipelineRun:
    """`batch_size`: how many events make a batch; `max_wait`: seconds that a smaller one waits for more."""

    def __init__(
        self,
        flow: Flow,
        input: InputBinding,
        envelope: EnvelopeMaker,
        clock: Clock,
        *,
        concurrency: int,
        batch_size: int,
        max_wait: float,
    ) -> None:
        self.flow = flow
        self.input = input
        self.problem = ""  # why it does not read, for `/readyz`
        self._envelope = envelope
        self._clock = clock
        self._concurrency = concurrency
        self._batch_size = batch_size
        self._max_wait = max_wait
        self._room = 2 * concurrency * batch_size
        self._workload = Workload()
        self._waiting = Waiting(self._workload, flow.breakers, clock, self._wake, self._read_one)
        self._settler = Settler(input, clock, self._settled)
        self._open = 0  # messages that were read and are not settled
        self._extra = 0  # reads that are granted although the input is paused
        self._room_changed = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()
        self._filling = False
        self._reader: asyncio.Task[None] | None = None
        flow.waits = self._waiting
        flow.settle = self._settler.add

    def start(self) -> None:
        self._waiting.stopping = False
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def stop(self, timeout: float) -> None:
        """Reads no more, finishes what is under way within `timeout` seconds, and gives the rest back."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None
        self._release_waiting()
        if self._workers:
            await asyncio.wait(set(self._workers), timeout=timeout)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._release_waiting()
        try:
            await asyncio.wait_for(self._settler.flush(), timeout)
        except TimeoutError:
            self._settler.cancel()

    def _release_waiting(self) -> None:
        left = [*self._workload.drain(), *self._waiting.drain()]
        if left:
            self.flow.end(left, Outcome.RELEASED)

    # Reading

    async def _read(self) -> None:
        failures = 0
        while True:
            try:
                received = await self.input.read(await self._has_room())
                failures, self.problem = 0, ""
            except JackfieldError as error:
                failures += 1
                wait = backoff(_REOPEN, failures)
                self.problem = str(error)
                _log.warning("%s: the input cannot be read, next try in %.1f s: %s", self.flow.pipeline, wait, error)
                await self._clock.sleep(wait)
                await self._reopen()
                continue
            self._arrived(received)

    async def _reopen(self) -> None:
        try:
            await self.input.close()
            await self.input.open()
        except JackfieldError as error:
            self.problem = str(error)

    async def _has_room(self) -> int:
        """Waits until there is room, and gives how many messages fit."""
        while True:
            if self._extra:
                self._extra = 0
                return 1
            room = self._room + min(self._waiting.count, _MOST_WAITING) - self._open
            # Half of the room at a time: a read is a round trip, whether it brings one message or a hundred.
            if not self.paused and room >= max(1, self._room // 2):
                return min(room, self._room)
            self._room_changed.clear()
            await self._room_changed.wait()

    @property
    def paused(self) -> bool:
        """Whether an app or an output is not there, so that reading more would only pile up."""
        return any(breaker is not None and breaker.is_open for breaker in self.flow.breakers)

    def _read_one(self) -> None:
        self._extra = 1
        self._room_changed.set()

    def _arrived(self, received: Sequence[Received]) -> None:
        now = self._clock.now()
        passages = []
        for message in received:
            event = self._envelope.plain(message, now)
            passages.append(Passage(Arrival(message, event), event))
        self._open += len(passages)
        self.flow.counts.read += len(passages)
        self._workload.add(passages)
        self._wake()

    def _settled(self, settled: Sequence[Settled]) -> None:
        self._open -= len(settled)
        self._room_changed.set()

    # Working

    def _wake(self) -> None:
        """Starts as many workers as there are batches, within the concurrency; a worker ends when nothing is left."""
        self._room_changed.set()
        full, rest = divmod(self._workload.fresh, self._batch_size)
        batches = self._workload.batches_again + full + (1 if rest and not self._filling else 0)
        for _ in range(min(batches, self._concurrency - len(self._workers))):
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._worker_ended)

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and worker.exception() is not None:
            _log.error("%s: a worker failed", self.flow.pipeline, exc_info=worker.exception())
        if self._workload.batches_again or self._workload.fresh:
            self._wake()

    async def _work(self) -> None:
        while True:
            await self._fill()
            batch = self._workload.take(self._batch_size)
            if not batch:
                return
            await self.flow.advance(batch)
            if self._waiting.stopping:
                self._release_late()

    async def _fill(self) -> None:
        """Gives a batch that is not full the time to get more; a full one does not wait for this."""
        waits = self._max_wait and not self._filling and not self._workload.batches_again and self._reader is not None
        if waits and 0 < self._workload.fresh < self._batch_size:
            self._filling = True
            try:
                await self._clock.sleep(self._max_wait)
            finally:
                self._filling = False

    def _release_late(self) -> None:
        """What begins to wait while the pipeline stops is given back at once."""
        left = self._waiting.drain()
        if left:
            self.flow.end(left, Outcome.RELEASED)
