"""What comes in: received messages become events, and of those with one key only one is on its way at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from bindings.contract import Clock, Received
from engine.envelope import EnvelopeMaker
from engine.errors import EventError
from engine.passage import Arrival, Passage, Settles

KeyOf: TypeAlias = Callable[[Passage], str]


class Intake:
    """`key_of` gives the key of an event, of the order or (not `orders`) of the deduplication; without it nothing is
    held back but replays that have a key from an earlier revision.

    An event holds its key until its outcome is settled with the input, and not only until it is known: after a crash
    in between, the input gives this one out again and none that came after it.
    """

    def __init__(self, envelope: EnvelopeMaker, key_of: KeyOf | None, clock: Clock, orders: bool = True) -> None:
        self._envelope = envelope
        self._key_of = key_of
        self._orders = orders
        self._clock = clock
        self._held: dict[str, deque[Passage]] = {}  # a key is here while one of its events is on its way
        self._keys: dict[int, str] = {}  # of a message on its way, by its identity

    def arrive(self, received: Sequence[Received], settler: Settles) -> list[Passage]:
        """Those of the messages that may go on now, as events before the first stage."""
        now = self._clock.now()
        passages = []
        for message in received:
            event = self._envelope.plain(message, now)
            passages.append(Passage(Arrival(message, event, settler), event))
        return passages if self._key_of is None else self.admit(passages)

    def admit(self, passages: list[Passage]) -> list[Passage]:
        """Those that may go on now; the others wait for the one of their key that came before them."""
        return [passage for passage in passages if self._enters(passage)]

    def _enters(self, passage: Passage) -> bool:
        key = passage.arrival.key if self._key_of is None else self._key(passage, self._key_of)
        if key is None:
            return True
        self._keys[id(passage.arrival.received)] = key
        if key in self._held:
            self._held[key].append(passage)
            return False
        self._held[key] = deque()
        return True

    def _key(self, passage: Passage, key_of: KeyOf) -> str | None:
        """A replay keeps the key of its letter, unless it begins anew: this revision may order by something else."""
        arrival, begins = passage.arrival, passage.stage == 0
        try:
            if begins:
                # The key may depend on what `event:` says, so the first stage is done now, in the order of arrival.
                passage.move_on(self._envelope.complete(passage, self._clock.now()))
            if arrival.key is not None and (arrival.release or not (begins and self._orders)):
                return arrival.key
            key = _storable(key_of(passage))
        except EventError as error:
            arrival.refused = error  # the first stage says so, and it becomes a dead letter there
            passage.stage = 0
            return arrival.key
        if self._orders:
            arrival.key = key
        return key

    def left(self, received: Sequence[Received]) -> list[Passage]:
        """These messages are settled: gives the next events of their keys."""
        following = []
        for message in received:
            key = self._keys.pop(id(message), None)
            if key is None:
                continue
            if self._held[key]:
                following.append(self._held[key].popleft())
            else:
                del self._held[key]
        return following

    @property
    def held(self) -> int:
        """How many events are held back."""
        return len(self._keys) - len(self._held)

    def clear(self) -> None:
        """Nothing is on its way any more: what was not settled comes again."""
        self._held.clear()
        self._keys.clear()

    def drain(self) -> list[Passage]:
        """Takes out all that are held back, for a pipeline that stops."""
        left = [passage for held in self._held.values() for passage in held]
        for passage in left:
            del self._keys[id(passage.arrival.received)]
        for held in self._held.values():
            held.clear()
        return left


def _storable(key: str) -> str:
    """A store cannot hold every character, nor a person read it: a dead letter and a parked key carry this text."""
    return key if key.isprintable() else key.encode("unicode_escape").decode("ascii")
