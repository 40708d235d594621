"""Tells the input what became of its messages: many at once, and again until the input has taken it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from bindings.contract import Clock, Settled
from engine.definitions.pipeline import Retry
from engine.faults import reach
from engine.retry import Insistence

_log = logging.getLogger("jackfield.settle")
_RETRY = Retry(initial=0.1, max=5.0)


class Settleable(Protocol):
    async def settle(self, settled: Sequence[Settled]) -> None: ...


class Settler:
    """Collects the outcomes while a settlement is under way, so that one round trip settles all that came meanwhile.

    `before` is done first, until it succeeds. `on_settled` is called with what the input has confirmed: only then is
    there room for new messages.
    """

    def __init__(
        self,
        input: Settleable,
        clock: Clock,
        on_settled: Callable[[Sequence[Settled]], None],
        before: Callable[[Sequence[Settled]], Awaitable[None]] | None = None,
    ) -> None:
        self._input = input
        self._insistence = Insistence(_RETRY, clock, _log)
        self._on_settled = on_settled
        self._before = before
        self._waiting: list[Settled] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str:
        """Why nothing is acknowledged, or an empty text."""
        return self._insistence.problem

    def add(self, settled: Settled) -> None:
        self._waiting.append(settled)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._settle_all())

    async def flush(self, timeout: float) -> bool:
        """Waits until everything that was added is settled. What is not after `timeout` seconds is forgotten: False,
        and the input must be opened anew to give it out again.
        """
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout)
        if self._task is None:
            return True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._waiting.clear()
        return False

    async def _settle_all(self) -> None:
        try:
            while self._waiting:
                settled, self._waiting = self._waiting, []
                what = f"{len(settled)} outcomes could not be settled"
                if self._before is not None:
                    await self._insistence.on(partial(self._before, settled), what)
                    reach("after-ledger")
                await self._insistence.on(partial(self._input.settle, settled), what)
                reach("after-settle")
                self._on_settled(settled)
        finally:
            self._task = None
