"""The partitions that the group has given to this member, and what is in this process of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from bindings.contract import Received
from bindings.kafka.positions import Positions

Partition: TypeAlias = tuple[str, int]  # a topic and a number


@dataclass(slots=True, eq=False)
class Claim:
    """One partition, from the moment it is given to this member until it is taken away."""

    partition: Partition
    positions: Positions
    committed: int | None  # the position that the group knows; None: none yet
    ready: deque[Received] = field(default_factory=deque)  # in the order of their offsets


class Claims:
    """Holds messages from their arrival until their outcome is known.

    The `handle` of a message is its claim and its offset: after its partition was taken away nothing is done with it
    any more, even if the partition has come back since. Not for several threads at once.
    """

    def __init__(self) -> None:
        self._claims: dict[Partition, Claim] = {}
        self._turns: deque[Claim] = deque()  # those with messages ready; the first is the next to be read
        self.waiting = 0  # messages that are ready

    @property
    def is_busy(self) -> bool:
        """Whether there are messages whose outcome is not known."""
        return any(claim.positions.is_busy for claim in self._claims.values())

    def assign(self, partition: Partition, start: int, committed: int | None) -> Claim:
        """From `start` on its messages come."""
        claim = self._claims[partition] = Claim(partition, Positions(start), committed)
        return claim

    def revoke(self, partitions: Iterable[Partition]) -> None:
        """Others read them from now on, from their committed position."""
        for taken in [self._claims.pop(one) for one in partitions if one in self._claims]:
            self.waiting -= len(taken.ready)
            if taken.ready:
                self._turns.remove(taken)

    def clear(self) -> None:
        self.revoke(list(self._claims))

    def add(self, partition: Partition, offset: int, message: Received) -> None:
        """Of a partition that was taken away meanwhile it is dropped: it comes to whoever has that now."""
        if (claim := self._claims.get(partition)) is None:
            return
        if offset < claim.positions.next:  # the topic was deleted and made anew: nothing of before counts
            self.revoke([partition])
            claim = self.assign(partition, offset, None)
        claim.positions.give(offset)
        message.handle = (claim, offset)
        self._append(claim, [message])

    def take(self, limit: int) -> Sequence[Received]:
        """Of each partition in its order, and of the partitions by turns."""
        taken: list[Received] = []
        while self._turns and len(taken) < limit:
            claim = self._turns.popleft()
            count = min(len(claim.ready), limit - len(taken))
            taken += [claim.ready.popleft() for _ in range(count)]
            if claim.ready:
                self._turns.append(claim)
        self.waiting -= len(taken)
        return taken

    def settle(self, messages: Iterable[Received]) -> None:
        for message in messages:
            claim, offset = _origin(message)
            claim.positions.settle(offset)

    def give_back(self, messages: Iterable[Received]) -> None:
        """They are read again, before all that come after them in their partitions."""
        back: dict[Partition, list[Received]] = {}
        for message in messages:
            claim, offset = _origin(message)
            if self._claims.get(claim.partition) is claim and claim.positions.is_open(offset):
                back.setdefault(claim.partition, []).append(replace(message, attempt=message.attempt + 1))
        for partition, again in back.items():
            claim = self._claims[partition]
            self._append(claim, again)
            claim.ready = deque(sorted(claim.ready, key=_offset))

    def due(self) -> Mapping[Partition, int]:
        """The positions that the group does not know yet."""
        return {
            claim.partition: claim.positions.position
            for claim in self._claims.values()
            if claim.positions.position != claim.committed
        }

    def committed(self, partition: Partition, position: int) -> None:
        """The group knows this position."""
        if (claim := self._claims.get(partition)) is not None and position >= (claim.committed or 0):
            claim.committed = position

    def _append(self, claim: Claim, messages: Sequence[Received]) -> None:
        if not claim.ready:
            self._turns.append(claim)
        claim.ready.extend(messages)
        self.waiting += len(messages)


def _origin(message: Received) -> tuple[Claim, int]:
    claim, offset = message.handle
    return claim, offset


def _offset(message: Received) -> int:
    return _origin(message)[1]
