"""When an event is tried again."""

from __future__ import annotations

import random

from engine.definitions.pipeline import Retry
from engine.errors import Retryable


def backoff(retry: Retry, tries: int, error: Retryable | None = None, draw: float | None = None) -> float:
    """Seconds to wait after the failure number `tries` (from 1): exponential, at most `max`, with equal jitter.

    A Retry-After that the other side sent is the least that is waited. `draw` in 0..1 replaces the random number.
    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("equal jitter").
    """
    exponent = min(tries - 1, 64)  # beyond, the power would overflow; `max` has long been reached
    wait = min(retry.max, retry.initial * retry.multiplier**exponent)
    if retry.jitter:
        wait = wait / 2 + wait / 2 * (random.random() if draw is None else draw)
    return max(wait, (error.after if error else None) or 0.0)
