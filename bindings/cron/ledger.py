from __future__ import annotations

from collections.abc import Iterable

from bindings.cron.firing import Firing
from bindings.store import Store

_PENDING = "pending/"


class Ledger:
    """The marks of one schedule in the store, so that a firing is neither lost nor repeated when the engine dies.

    `last` is the instant up to which the schedule was followed, `schedule` its time zone and text at that time; each
    firing that is not settled has a `pending/<instant>` with its attempts and its schedule. A ledger that is not
    durable writes nothing, but still hands on what a durable one before it has left.
    """

    def __init__(self, store: Store, scope: str, durable: bool) -> None:
        self._store = store
        self._scope = scope
        self._durable = durable
        self._marks: dict[str, str] = {}

    async def load(self) -> None:
        self._marks = await self._store.marks(self._scope)
        if not self._durable:
            # What fires from here on must not look missed to a durable one that comes later.
            await self._drop(["last", "schedule"])

    def last(self, schedule: str) -> float | None:
        """Up to where the schedule was followed; None where it is new, or another than before."""
        return float(self._marks["last"]) if self._marks.get("schedule") == schedule else None

    def pending(self) -> list[Firing]:
        marks = self._marks.items()
        return [_firing(key, value) for key, value in marks if key.startswith(_PENDING)]

    async def save(self, schedule: str, last: float, firings: Iterable[Firing]) -> bool:
        """Makes durable what changed since the last time, in one write; False when nothing did."""
        marks = {"last": str(last), "schedule": schedule}
        marks.update((_key(one.instant), f"{one.attempt} {one.schedule}") for one in firings)
        changes = {key: value for key, value in marks.items() if self._marks.get(key) != value}
        if not (self._durable and changes):
            return False
        await self._store.set_marks(self._scope, changes)
        self._marks.update(changes)
        return True

    async def settle(self, instants: Iterable[float]) -> None:
        await self._drop(map(_key, instants))

    async def _drop(self, keys: Iterable[str]) -> None:
        known = [key for key in keys if key in self._marks]
        if known:
            await self._store.drop_marks(self._scope, known)
            for key in known:
                self._marks.pop(key, None)


def _key(instant: float) -> str:
    return f"{_PENDING}{instant}"


def _firing(key: str, value: str) -> Firing:
    attempt, _, schedule = value.partition(" ")
    return Firing(float(key.removeprefix(_PENDING)), schedule, int(attempt))
