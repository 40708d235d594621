from __future__ import annotations

from bisect import bisect_left


class Positions:
    """How far one partition is done: all below `position` is settled, and what is at `position` is not.

    Offsets are given out in rising order, with gaps (a compacted log, the marks of transactions), and settled in any.
    Only those that are open are kept: one that takes for ever costs no memory for those that come after it.
    """

    def __init__(self, start: int) -> None:
        self.next = start  # what is given next is this or above it
        self._open: list[int] = []  # rising

    @property
    def position(self) -> int:
        return self._open[0] if self._open else self.next

    @property
    def is_busy(self) -> bool:
        return bool(self._open)

    def give(self, offset: int) -> None:
        """Raises `ValueError` for an offset that was passed already."""
        if offset < self.next:
            raise ValueError(f"offset {offset} comes after {self.next - 1}")
        self._open.append(offset)
        self.next = offset + 1

    def settle(self, offset: int) -> None:
        """One that is not open is ignored."""
        index = self._index(offset)
        if index is not None:
            del self._open[index]

    def is_open(self, offset: int) -> bool:
        return self._index(offset) is not None

    def _index(self, offset: int) -> int | None:
        index = bisect_left(self._open, offset)
        return index if index < len(self._open) and self._open[index] == offset else None
