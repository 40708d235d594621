"""The conformance suite of locks: what bindings/contract.py says of `Lock`.

A test module subclasses `LockConformance` and implements the hook; `self.resource` is a name that no other test uses.

    class TestRedisLock(LockConformance):
        async def make(self) -> Lock: ...
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from bindings.contract import Lock, Unlocked

_numbers = itertools.count(1)


class LockConformance(ABC):
    """Flags and hooks first; the tests follow."""

    patience: ClassVar[float] = 5.0
    """Seconds until a lock that does not expire is a failure."""

    @abstractmethod
    async def make(self) -> Lock:
        """A new instance on the same system, not opened."""

    @pytest.fixture(autouse=True)
    def _fresh_resource(self) -> None:
        self.resource = f"lock||app||{next(_numbers)}"

    @pytest.fixture
    async def lock(self) -> AsyncIterator[Lock]:
        lock = await self.make()
        try:
            await lock.open()
            yield lock
        finally:
            await lock.close()

    async def acquired(self, lock: Lock, owner: str) -> None:
        """Returns when the owner has it."""
        async with asyncio.timeout(self.patience):
            while not await lock.acquire(self.resource, owner, 60):
                pass

    async def test_close_without_open_is_allowed(self) -> None:
        await (await self.make()).close()

    async def test_instances_can_follow_one_another(self) -> None:
        lock = await self.make()
        for _ in range(2):
            await lock.open()
            assert await lock.acquire(self.resource, "one", 60)
            assert await lock.release(self.resource, "one") is Unlocked.DONE
            await lock.close()

    async def test_second_owner_does_not_get_it(self, lock: Lock) -> None:
        assert await lock.acquire(self.resource, "one", 60)
        assert not await lock.acquire(self.resource, "two", 60)

    async def test_owner_does_not_get_it_twice(self, lock: Lock) -> None:
        assert await lock.acquire(self.resource, "one", 60)
        assert not await lock.acquire(self.resource, "one", 60)

    async def test_released_lock_can_be_acquired(self, lock: Lock) -> None:
        assert await lock.acquire(self.resource, "one", 60)
        assert await lock.release(self.resource, "one") is Unlocked.DONE
        assert await lock.acquire(self.resource, "two", 60)

    async def test_release_of_what_is_not_locked_says_so(self, lock: Lock) -> None:
        assert await lock.release(self.resource, "one") is Unlocked.NOT_LOCKED

    async def test_release_by_another_owner_changes_nothing(self, lock: Lock) -> None:
        assert await lock.acquire(self.resource, "one", 60)
        assert await lock.release(self.resource, "two") is Unlocked.OTHER_OWNER
        assert not await lock.acquire(self.resource, "two", 60)
        assert await lock.release(self.resource, "one") is Unlocked.DONE

    async def test_lock_is_released_once(self, lock: Lock) -> None:
        assert await lock.acquire(self.resource, "one", 60)
        assert await lock.release(self.resource, "one") is Unlocked.DONE
        assert await lock.release(self.resource, "one") is Unlocked.NOT_LOCKED

    async def test_lock_expires(self, lock: Lock) -> None:
        assert await lock.acquire(self.resource, "one", 0.05)
        await self.acquired(lock, "two")
        assert await lock.release(self.resource, "one") is Unlocked.OTHER_OWNER

    async def test_one_of_many_gets_it(self, lock: Lock) -> None:
        owners = [f"owner-{number}" for number in range(20)]
        got = await asyncio.gather(*(lock.acquire(self.resource, owner, 60) for owner in owners))
        assert sum(got) == 1

    async def test_two_instances_share_the_lock(self, lock: Lock) -> None:
        other = await self.make()
        await other.open()
        try:
            assert await lock.acquire(self.resource, "one", 60)
            assert not await other.acquire(self.resource, "two", 60)
            assert await other.release(self.resource, "one") is Unlocked.DONE
        finally:
            await other.close()

    async def test_resources_are_apart(self, lock: Lock) -> None:
        assert await lock.acquire(self.resource, "one", 60)
        assert await lock.acquire(f"{self.resource}/grün", "two", 60)

    async def test_lock_outlives_its_instance(self, lock: Lock) -> None:
        assert await lock.acquire(self.resource, "one", 60)
        await lock.close()
        await lock.open()
        assert not await lock.acquire(self.resource, "two", 60)
