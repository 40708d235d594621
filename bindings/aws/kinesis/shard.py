from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

OLDEST, END, _AT = "oldest", "end", "@"  # marks that are no sequence number; `@` is before a time


def mark_at(now: float) -> str:
    """The mark of a shard of which nothing is settled yet, and that is read from that time on."""
    return f"{_AT}{now}"


class Shard:
    """One shard: how far it was read, and how far it is settled without a gap, which is what its mark says."""

    def __init__(self, id: str, parents: Collection[str], mark: str) -> None:
        self.id = id
        self.parents = parents
        self.mark = mark
        self.iterator: str | None = None  # of Kinesis: where the next records are; it expires
        self.is_read = mark == END  # to its very end
        self.due = 0.0  # seconds since the epoch: when it may be asked again
        self._position = mark  # of the last record that was read
        self._open: deque[str] = deque()  # sequence numbers that were given out, or are settled and not the lowest
        self._settled: set[str] = set()

    @property
    def start(self) -> Mapping[str, Any]:
        """The arguments of GetShardIterator: what comes after the last record that was read."""
        position = self._position
        if position == OLDEST:
            return {"ShardIteratorType": "TRIM_HORIZON"}
        if position.startswith(_AT):
            time = datetime.fromtimestamp(float(position.removeprefix(_AT)), UTC)
            return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time}
        return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}

    def read(self, numbers: Sequence[str], iterator: str | None) -> None:
        """These records came; without an iterator there are no more."""
        self.iterator, self.is_read = iterator, iterator is None
        self._open.extend(numbers)
        if numbers:
            self._position = numbers[-1]

    def settle(self, numbers: Iterable[str]) -> None:
        """Those that are settled already are ignored."""
        self._settled.update(numbers)
        while self._open and self._open[0] in self._settled:
            number = self._open.popleft()
            self._settled.discard(number)
            self.mark = number

    @property
    def progress(self) -> str:
        """The mark to be kept."""
        return END if self.is_read and not self._open else self.mark
