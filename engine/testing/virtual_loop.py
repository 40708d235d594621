"""An event loop whose time is virtual: where it would wait for a timer, it jumps to it.

All of asyncio's time is this loop's time: time-outs, sleeps and the engine's clock agree, and a month of waiting
takes as long as what is done in it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0  # how many work for the loop: time stands still for them

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self.threads:
            return super().select(None)
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at `now`, in seconds since the epoch."""

    def __init__(self, now: float) -> None:
        self._jumping = _JumpingSelector()
        self._jumping.now = now
        super().__init__(self._jumping)
        # A timer is due within asyncio's resolution of the clock: a nanosecond, which a float of today cannot hold.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    def _thread_ended(self, _: object) -> None:
        self._jumping.threads -= 1


class LoopClock:
    """The time of the running loop, as the engine and the bindings get it."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtually(work: Coroutine[Any, Any, T], now: float) -> T:
    """Runs `work` to its end from the instant `now` on, and without waiting."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(now)) as runner:
        return runner.run(work)
