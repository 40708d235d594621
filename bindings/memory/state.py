"""State in the memory of the engine's process, as Dapr's state.in-memory keeps it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence

from bindings.contract import Change, Context, EtagMismatch, Item
from bindings.manifest import ComponentType
from bindings.metadata import StateMetadata
from engine.errors import EventError


class MemoryState:
    """Every method ends without an `await`, so that each is atomic."""

    def __init__(self, metadata: StateMetadata, context: Context) -> None:
        self._clock = context.clock
        self._items: dict[str, Item] = {}
        self._expiring: list[tuple[float, str]] = []  # a heap; the item says whether it still counts
        self._versions = itertools.count(1)

    async def open(self) -> None:
        pass

    async def get(self, keys: Sequence[str]) -> Mapping[str, Item]:
        self._expire()
        return {key: self._items[key] for key in keys if key in self._items}

    async def write(self, changes: Sequence[Change]) -> Sequence[EventError | None]:
        self._expire()
        return [self._write(change) for change in changes]

    async def transact(self, changes: Sequence[Change]) -> None:
        """Raises `EtagMismatch`."""
        self._expire()
        before = {change.key: self._items.get(change.key) for change in changes}
        for change in changes:
            error = self._write(change)
            if error is not None:
                self._restore(before)
                raise error

    async def close(self) -> None:
        self._items.clear()
        self._expiring.clear()

    def _write(self, change: Change) -> EtagMismatch | None:
        item = self._items.get(change.key)
        if change.etag is not None and (item is None or item.etag != change.etag):
            return EtagMismatch(f"the value of {change.key!r} has changed: its etag is not {change.etag!r}")
        if change.first_write and change.etag is None and item is not None:
            return EtagMismatch(f"{change.key!r} has a value already")
        if change.value is None:
            self._items.pop(change.key, None)
            return None
        expires = self._clock.now() + change.ttl if change.ttl is not None else None
        self._items[change.key] = Item(change.value, str(next(self._versions)), expires)
        if expires is not None:
            heapq.heappush(self._expiring, (expires, change.key))
        return None

    def _restore(self, before: Mapping[str, Item | None]) -> None:
        for key, item in before.items():
            if item is None:
                self._items.pop(key, None)
            else:
                self._items[key] = item

    def _expire(self) -> None:
        now = self._clock.now()
        while self._expiring and self._expiring[0][0] <= now:
            expired, key = heapq.heappop(self._expiring)
            item = self._items.get(key)
            if item is not None and item.expires == expired:
                del self._items[key]


component = ComponentType(
    name="state.in-memory",
    summary="State in the memory of the engine, for tests and development. NOT durable: it is lost when the process "
    "ends, or when the definition of the component changes.",
    metadata=StateMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: statestore
spec:
  type: state.in-memory
  version: v1
  metadata: []
""",
    state_store=MemoryState,
)
