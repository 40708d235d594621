from __future__ import annotations

from collections.abc import Mapping

from bindings.cron.firing import Firing
from bindings.cron.ledger import Ledger
from engine.testing.memory_store import MemoryStore

SCOPE = "cron/tick"
DAILY = "UTC @daily"
FIRING = Firing(5.0, DAILY, 1)


class CountingStore(MemoryStore):
    writes = 0

    async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
        self.writes += 1
        await super().set_marks(scope, marks)


async def ledger(store: MemoryStore, durable: bool = True) -> Ledger:
    loaded = Ledger(store, SCOPE, durable)
    await loaded.load()
    return loaded


async def test_ledger_tells_the_next_one_what_it_saved() -> None:
    store = MemoryStore()
    first = await ledger(store)
    assert (first.last(DAILY), first.pending()) == (None, [])
    await first.save(DAILY, 1_700_000_000.1234567, [FIRING, Firing(7.25, "Europe/Berlin 0 8 * * *")])
    second = await ledger(store)
    assert second.last(DAILY) == 1_700_000_000.1234567
    assert second.pending() == [FIRING, Firing(7.25, "Europe/Berlin 0 8 * * *")]


async def test_marks_are_readable() -> None:
    store = MemoryStore()
    await (await ledger(store)).save(DAILY, 5.0, [FIRING])
    assert await store.marks(SCOPE) == {"last": "5.0", "schedule": DAILY, "pending/5.0": "1 UTC @daily"}


async def test_another_schedule_has_no_last() -> None:
    store = MemoryStore()
    await (await ledger(store)).save(DAILY, 5.0, [FIRING])
    edited = await ledger(store)
    assert edited.last("Europe/Berlin @daily") is None
    assert edited.pending() == [FIRING]


async def test_save_writes_once_and_only_what_changed() -> None:
    store = CountingStore()
    first = await ledger(store)
    assert await first.save(DAILY, 5.0, [FIRING, Firing(6.0, DAILY)])
    assert store.writes == 1
    assert not await first.save(DAILY, 5.0, [FIRING, Firing(6.0, DAILY)])
    assert not await (await ledger(store)).save(DAILY, 5.0, [FIRING])
    assert store.writes == 1


async def test_settled_firing_is_no_longer_pending() -> None:
    store = MemoryStore()
    first = await ledger(store)
    await first.save(DAILY, 5.0, [FIRING, Firing(6.0, DAILY)])
    await first.settle([5.0, 5.0, 99.0])
    await first.settle([5.0])
    assert first.pending() == (await ledger(store)).pending() == [Firing(6.0, DAILY)]


async def test_ledger_that_is_not_durable_writes_nothing_but_hands_on_what_was_pending() -> None:
    store = CountingStore()
    await (await ledger(store)).save(DAILY, 5.0, [FIRING])
    fleeting = await ledger(store, durable=False)
    assert (fleeting.last(DAILY), fleeting.pending()) == (None, [FIRING])
    assert not await fleeting.save(DAILY, 9.0, [Firing(9.0, DAILY)])
    assert store.writes == 1
    await fleeting.settle([5.0, 9.0])
    assert await store.marks(SCOPE) == {}
