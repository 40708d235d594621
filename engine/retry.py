"""When something is tried again."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bindings.contract import Clock
from engine.definitions.pipeline import Retry
from engine.errors import EventError, JackfieldError, Retryable

KEEP_TRYING = Retry(initial=0.2, max=10.0)  # for what must succeed before anything else happens


def backoff(retry: Retry, tries: int, error: Retryable | None = None, draw: float | None = None) -> float:
    """Seconds to wait after the failure number `tries` (from 1): exponential, at most `max`, with equal jitter.

    A Retry-After that the other side sent is the least that is waited. `draw` in 0..1 replaces the random number.
    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("equal jitter").
    """
    try:
        wait = min(retry.max, retry.initial * retry.multiplier ** (tries - 1))
    except OverflowError:
        wait = retry.max if retry.initial else 0.0
    if retry.jitter:
        wait = wait / 2 + wait / 2 * (random.random() if draw is None else draw)
    return max(wait, (error.after if error else None) or 0.0)


@dataclass(frozen=True, slots=True)
class RetryRule:
    """`statuses`: the HTTP statuses that are worth another try, whatever they mean elsewhere; None: the usual ones."""

    retry: Retry
    statuses: frozenset[int] | None = None

    def allows(self, error: EventError, attempts: int) -> bool:
        """Whether an event that failed with this error, after so many attempts, is tried again."""
        if self.statuses is not None and error.status is not None:
            worth = error.status in self.statuses
        else:
            worth = isinstance(error, Retryable)
        return worth and attempts < self.retry.max_attempts


class Insistence:
    """Repeats what must succeed before anything else happens, however long it takes.

    `only`: what is waited for, all else is raised. `problem` says why it does not succeed.
    """

    def __init__(self, retry: Retry, clock: Clock, log: logging.Logger, only: type[Exception] = Exception) -> None:
        self.problem = ""
        self._only = only
        self._retry = retry
        self._clock = clock
        self._log = log

    async def on(self, action: Callable[[], Awaitable[None]], what: str) -> None:
        """`what` heads the log line."""
        tries = 0
        while True:
            try:
                await action()
            except self._only as error:
                tries += 1
                wait = backoff(self._retry, tries)
                self.problem = f"{what}: {str(error) or type(error).__name__}"
                bug = None if isinstance(error, JackfieldError) else error
                self._log.warning("%s, next try in %.1f s: %s", what, wait, error, exc_info=bug)
                await self._clock.sleep(wait)
            else:
                self.problem = ""
                return
