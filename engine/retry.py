"""When something is tried again."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable

from bindings.contract import Clock
from engine.definitions.pipeline import Retry
from engine.errors import JackfieldError, Retryable

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


async def insist(
    action: Callable[[], Awaitable[None]], retry: Retry, clock: Clock, log: logging.Logger, what: str
) -> None:
    """Repeats what must succeed before anything else happens, however long it takes. `what` heads the log line."""
    tries = 0
    while True:
        try:
            return await action()
        except Exception as error:
            tries += 1
            wait = backoff(retry, tries)
            bug = None if isinstance(error, JackfieldError) else error
            log.warning("%s, next try in %.1f s: %s", what, wait, error, exc_info=bug)
            await clock.sleep(wait)
