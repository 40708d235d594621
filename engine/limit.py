"""How many requests are under way at an endpoint at once, by what its answers say of its load.

Additive increase, multiplicative decrease, as TCP does it (RFC 5681, 3.1; Chiu and Jain, "Analysis of the Increase and
Decrease Algorithms for Congestion Avoidance", 1989): one more for each round of answers, half as many after a time-out
or a 429. After an outage it begins with one, and doubles with each round up to half of what there was.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque


class AdaptiveLimit:
    """Without a bound until an endpoint shows that it is overloaded: the pipelines' concurrency is bound enough.

    `async with limit:` is one request.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self._most = math.inf
        self._slow_start_ends = 0.0
        self._of_the_last_round = 0  # requests that were sent before the last decrease, and say nothing new
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def most(self) -> float:
        """How many requests may be under way now."""
        return self._most

    async def __aenter__(self) -> None:
        if self._is_free and not self._waiting:
            self.under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn  # who gives the turn counts the request
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):  # one that left may have passed it over already
                    self._waiting.remove(turn)
            else:
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._of_the_last_round -= self._of_the_last_round > 0
        self._leave()

    def answered(self) -> None:
        if self._most is math.inf:
            return
        self._most += 1 if self._most < self._slow_start_ends else 1 / self._most
        self._let_in()

    def overloaded(self) -> None:
        """A request timed out, or the endpoint said that they are too many; once for all that were under way."""
        if self._of_the_last_round:
            return
        there_were = self.under_way + 1  # the one that failed has left
        self._of_the_last_round = there_were
        self._most = self._slow_start_ends = max(1.0, min(self._most, there_were) / 2)

    def begin_anew(self, before: int) -> None:
        """The endpoint is there again; `before`: how many requests were under way when it went away."""
        self._most, self._slow_start_ends = 1.0, max(1.0, before / 2)
        self._let_in()

    @property
    def _is_free(self) -> bool:
        return self.under_way < int(self._most) if self._most is not math.inf else True

    def _leave(self) -> None:
        self.under_way -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._is_free:
            turn = self._waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)
