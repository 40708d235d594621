"""One revision of a pipeline while it runs: reads when there is room, works side by side, and drains when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

from bindings.contract import Clock, InputBinding, Outcome, Received, Settled
from bindings.store import DurableQueue
from engine.deduplication import Deduplication
from engine.flow import Flow
from engine.intake import Intake
from engine.parking import Parking
from engine.passage import Arrival, Passage
from engine.reader import Reader
from engine.replay import passage_of
from engine.room import Room
from engine.settler import Settler
from engine.waiting import Waiting
from engine.workload import Workload

_log = logging.getLogger("jackfield.pipeline")


class PipelineRun:
    """`batch_size`: how many events make a batch; `max_wait`: seconds that a smaller one waits for more.

    `replays` holds the dead letters that a person sent on their way again; they are taken in beside the input.
    """

    def __init__(
        self,
        flow: Flow,
        input: InputBinding,
        replays: DurableQueue,
        intake: Intake,
        clock: Clock,
        *,
        parking: Parking,
        once: Deduplication | None = None,
        concurrency: int,
        batch_size: int,
        max_wait: float,
    ) -> None:
        self.flow = flow
        self._input = input
        self._replays = replays
        self._intake = intake
        self._parking = parking
        self._once = once
        self._clock = clock
        self._concurrency = concurrency
        self._batch_size = batch_size
        self._max_wait = max_wait
        self._workload = Workload()
        self._waiting = Waiting(self._workload, flow.endpoints, clock, self._wake, self._read_one)
        self._room = Room(2 * concurrency * batch_size, lambda: self._waiting.count + intake.held, lambda: self.paused)
        self._settler = Settler(input, clock, self._settled, self._before_settled)
        self._replay_settler = Settler(replays, clock, self._settled, self._before_settled)
        self._reader = Reader(flow.pipeline, input, self._room, clock, self._arrived, self._reopen)
        self._replay_reader = Reader(flow.pipeline, replays, self._room, clock, self._replayed, replays.close)
        self._ends_of_releases: dict[int, Arrival] = {}  # by the identity of their messages
        self._workers: set[asyncio.Task[None]] = set()
        self._filling: asyncio.Task[None] | None = None
        self._cut_off = False  # a stop has cancelled what was under way: it is not settled, and comes again
        flow.waits = self._waiting

    @property
    def paused(self) -> bool:
        """Whether an app or an output is not there, so that reading more would only pile up."""
        return any(endpoint is not None and endpoint.breaker.is_open for endpoint in self.flow.endpoints)

    @property
    def pauses(self) -> Mapping[str, str]:
        """Why an app or an output is waited for, by the stage."""
        stages = zip(self.flow.stages, self.flow.endpoints, strict=True)
        return {stage.name: one.breaker.reason for stage, one in stages if one is not None and one.breaker.is_open}

    @property
    def problem(self) -> str:
        """Why nothing is read, acknowledged or kept as a dead letter, or an empty text."""
        parts = (self._reader, self._settler, self.flow.letters, self._replay_reader, self._replay_settler)
        return next((part.problem for part in parts if part.problem), "")

    @property
    def under_way(self) -> int:
        """How many messages were read and are not settled."""
        return self._room.under_way

    def start(self) -> None:
        self._waiting.stopping = False
        self.flow.watch()
        self._room.clear()
        self._intake.clear()
        self._parking.clear()
        self._ends_of_releases.clear()
        if self._once is not None:
            self._once.clear()
        self._reader.start(reopen=self._cut_off)
        self._replay_reader.start(reopen=self._cut_off)
        self._cut_off = False

    async def stop(self, timeout: float) -> None:
        """Reads no more, finishes what is under way within `timeout` seconds, and gives the rest back."""
        await asyncio.gather(self._reader.stop(), self._replay_reader.stop())
        self.flow.unwatch()
        self._release_waiting()
        if self._filling:
            self._filling.cancel()  # nothing more comes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._workers:  # those included that start only now, with the pieces of a batch
                    await asyncio.wait(set(self._workers))
        self._cut_off = bool(self._workers)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._release_waiting()
        flushed = await asyncio.gather(self._settler.flush(timeout), self._replay_settler.flush(timeout))
        self._cut_off = self._cut_off or not all(flushed)

    async def close(self) -> None:
        """What is not settled is given out again: by the input, and by the queue of replays."""
        try:
            await self._input.close()
        finally:
            await self._replays.close()

    def _release_waiting(self) -> None:
        left = [*self._workload.drain(), *self._waiting.drain(), *self._intake.drain()]
        self.flow.end(left, Outcome.RELEASED)

    # What comes in

    def _arrived(self, received: Sequence[Received]) -> None:
        self.flow.counts.read += len(received)
        self._workload.add(self._intake.arrive(received, self._settler))
        self._wake()

    def _replayed(self, received: Sequence[Received]) -> None:
        names = [stage.name for stage in self.flow.stages]
        passages = [passage_of(one, self.flow.revision, names, self._replay_settler) for one in received]
        self.flow.counts.read += sum(not passage.arrival.ends_release for passage in passages)
        self._go_on(self._intake.admit(passages))

    def _settled(self, settled: Sequence[Settled]) -> None:
        self._room.give_back(len(settled))
        if self._ends_of_releases:
            for one in settled:
                self._ends_of_releases.pop(id(one.received), None)
        self._go_on(self._intake.left([one.received for one in settled]))

    async def _before_settled(self, settled: Sequence[Settled]) -> None:
        """What must be durable before an input forgets the messages; may be done again after an error."""
        if self._once is not None:
            await self._once.commit(settled)
        if self._ends_of_releases:
            for one in settled:
                if (arrival := self._ends_of_releases.get(id(one.received))) is not None:
                    await self._parking.end_release(arrival)

    def _go_on(self, passages: list[Passage]) -> None:
        for passage in passages:
            arrival = passage.arrival
            if arrival.ends_release:
                self._ends_of_releases[id(arrival.received)] = arrival
                arrival.ended(Outcome.DONE, passage.event, None)
            else:
                self._workload.resume([passage])
        if passages:
            self._wake()

    def _read_one(self) -> None:
        self._room.grant_one()

    async def _reopen(self) -> None:
        await self._input.close()
        await self._input.open()

    # What is done with it

    def _wake(self) -> None:
        """Starts as many workers as there are batches, within the concurrency; a worker ends when nothing is left."""
        self._room.look_again()
        if self._cut_off:
            return  # a worker that is cancelled must not be followed by another
        full, rest = divmod(self._workload.fresh, self._batch_size)
        if self._filling and (full or self._workload.batches_again):
            self._filling.cancel()
        batches = self._workload.batches_again + full + (1 if rest and not self._filling else 0)
        for _ in range(min(batches, self._concurrency - len(self._workers))):
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._worker_ended)

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and worker.exception() is not None:
            _log.error("%s: a worker failed", self.flow.pipeline, exc_info=worker.exception())
        self._wake()

    async def _work(self) -> None:
        while True:
            if not await self._filled():
                return
            batch = self._workload.take(self._batch_size)
            if not batch:
                return
            await self.flow.advance(batch)
            if self._waiting.stopping:
                # What begins to wait while the pipeline stops is given back at once.
                self.flow.end(self._waiting.drain(), Outcome.RELEASED)

    async def _filled(self) -> bool:
        """Gives a batch that is not full the time to get more; a full one does not wait for this. False when another
        worker already waits for the batch to fill.
        """
        full = self._workload.fresh >= self._batch_size or self._workload.batches_again
        if full or not self._max_wait or not self._workload.fresh or self._waiting.stopping:
            return True
        if self._filling:
            return False
        self._filling = asyncio.get_running_loop().create_task(self._clock.sleep(self._max_wait))
        try:
            await asyncio.wait({self._filling})
        finally:
            self._filling.cancel()
            self._filling = None
        return True
