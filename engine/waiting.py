"""The batches of one pipeline that wait: for the end of a backoff, or for a breaker to close."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from bindings.contract import Clock
from engine.endpoint import Endpoint
from engine.passage import Passage
from engine.workload import Workload


class Waiting:
    """`wake` is called when there is something to do again; `read_one` asks the input for one event although it is
    paused, to be the next probe: when all that wait have failed, one of them may be what fails.
    """

    def __init__(
        self,
        workload: Workload,
        endpoints: Sequence[Endpoint | None],
        clock: Clock,
        wake: Callable[[], None],
        read_one: Callable[[], None],
    ) -> None:
        self._workload = workload
        self._endpoints = endpoints
        self._clock = clock
        self._wake = wake
        self._read_one = read_one
        self._backoffs: dict[asyncio.Task[None], list[Passage]] = {}
        self._parked: dict[int, deque[Passage]] = {}
        self._probers: dict[int, asyncio.Task[None]] = {}
        self.stopping = False

    @property
    def count(self) -> int:
        """How many events wait."""
        return sum(map(len, self._backoffs.values())) + sum(map(len, self._parked.values()))

    def resume(self, batch: list[Passage]) -> None:
        self._workload.resume(batch)
        self._wake()

    def resume_after(self, seconds: float, batch: list[Passage]) -> None:
        if seconds <= 0:
            self.resume(batch)
            return
        task = self._start(self._back_off(seconds, batch))
        self._backoffs[task] = batch

    async def _back_off(self, seconds: float, batch: list[Passage]) -> None:
        await self._clock.sleep(seconds)
        task = asyncio.current_task()
        if task is not None and self._backoffs.pop(task, None) is not None:
            self.resume(batch)

    def park(self, at: int, batch: list[Passage], wait: float) -> None:
        """Keeps a batch until the breaker of the stage `at` lets it; no probe is sent in the next `wait` seconds."""
        self._parked.setdefault(at, deque()).extend(batch)
        self._endpoint(at).put_off_probe(self._clock.now(), wait)
        if at not in self._probers and not self.stopping:
            self._probers[at] = self._start(self._probe(at))

    def unpark(self, at: int) -> None:
        """The breaker has closed: what was parked goes on, as fast as the pipeline's concurrency lets it."""
        prober = self._probers.pop(at, None)
        if prober is not None:
            prober.cancel()
        parked = list(self._parked.pop(at, ()))
        if parked:
            self._workload.resume(parked)
        self._wake()

    async def _probe(self, at: int) -> None:
        """Takes part in the probing of an endpoint that is away, until it is back.

        A pipeline that has nothing to probe with asks its input for one event, and leaves the turn to the others.
        """
        endpoint, breaker = self._endpoint(at), self._endpoint(at).breaker
        sent, pause, asked_for_fresh = 0, 0.0, False
        while True:
            await self._clock.sleep(pause)
            while (wait := endpoint.until_probe(self._clock.now())) > 0:
                await self._clock.sleep(wait)
            pause = breaker.next_probe()
            if endpoint.limit.under_way:  # a probe hangs: another one would hang beside it
                continue
            parked = self._parked.get(at)
            breaker.probes = 1
            if parked and (sent < len(parked) or asked_for_fresh):
                sent, asked_for_fresh = sent + 1, False
                endpoint.put_off_probe(self._clock.now(), pause)
                self.resume([parked.popleft()])
            else:
                asked_for_fresh = True  # none may come: the next turn is that of one that waits
                self._read_one()

    def _endpoint(self, at: int) -> Endpoint:
        endpoint = self._endpoints[at]
        assert endpoint is not None  # noqa: S101 - only a stage with an endpoint parks
        return endpoint

    def drain(self) -> list[Passage]:
        """Takes everything out, for a pipeline that stops; what comes later is to be drained again."""
        self.stopping = True
        for task in (*self._backoffs, *self._probers.values()):
            task.cancel()
        left = [passage for batch in self._backoffs.values() for passage in batch]
        left += [passage for parked in self._parked.values() for passage in parked]
        self._backoffs.clear()
        self._probers.clear()
        self._parked.clear()
        return left

    @staticmethod
    def _start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)
