"""What a pipeline has to do next: events that came in, and batches that go on from where they stand."""

from __future__ import annotations

from collections import deque

from engine.passage import Passage


class Workload:
    """Batches that were already on their way go first: they hold what came in before."""

    def __init__(self) -> None:
        self._fresh: deque[Passage] = deque()
        self._again: deque[list[Passage]] = deque()

    def add(self, arrived: list[Passage]) -> None:
        self._fresh.extend(arrived)

    def resume(self, batch: list[Passage]) -> None:
        """A batch of one stage that goes on from there: after a wait, or as a part of a larger one."""
        self._again.append(batch)

    def take(self, limit: int) -> list[Passage]:
        """The next batch, of at most `limit` events where they are fresh; empty when there is nothing to do."""
        if self._again:
            return self._again.popleft()
        return [self._fresh.popleft() for _ in range(min(limit, len(self._fresh)))]

    def drain(self) -> list[Passage]:
        """Takes everything out, for a pipeline that stops."""
        left = [*(passage for batch in self._again for passage in batch), *self._fresh]
        self._again.clear()
        self._fresh.clear()
        return left

    @property
    def fresh(self) -> int:
        return len(self._fresh)

    @property
    def batches_again(self) -> int:
        return len(self._again)
