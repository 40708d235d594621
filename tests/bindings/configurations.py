"""The conformance suite of configuration stores: what bindings/contract.py says of `ConfigurationStore`.

A test module subclasses `ConfigurationConformance` and implements the hooks. `self.key("a")` gives a key that no other
test uses.

    class TestRedisConfiguration(ConfigurationConformance):
        async def make(self) -> ConfigurationStore: ...
        async def put(self, key: str, value: str, version: str = "") -> None: ...
        async def remove(self, key: str) -> None: ...
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import ClassVar, TypeAlias

import pytest

from bindings.contract import ConfigurationStore, Setting

Updates: TypeAlias = AsyncGenerator[Mapping[str, Setting], None]

_numbers = itertools.count(1)


class ConfigurationConformance(ABC):
    """Flags and hooks first; the tests follow."""

    versions: ClassVar[bool] = True
    """The store keeps the version that a setting is put with."""
    metadata: ClassVar[Mapping[str, str]] = {}
    """What `get` and `watch` are called with."""
    patience: ClassVar[float] = 10.0
    """Seconds until an update that does not come is a failure."""

    @abstractmethod
    async def make(self) -> ConfigurationStore:
        """A new instance on the same system, not opened."""

    @abstractmethod
    async def put(self, key: str, value: str, version: str = "") -> None:
        """Sets a key, as another program does it: anew, or in place of its old value."""

    @abstractmethod
    async def remove(self, key: str) -> None:
        """Deletes a key, as another program does it."""

    @pytest.fixture(autouse=True)
    def _fresh_keys(self) -> None:
        self._prefix = f"setting-{next(_numbers)}"

    def key(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    @pytest.fixture
    async def store(self) -> AsyncIterator[ConfigurationStore]:
        store = await self.make()
        try:
            await store.open()
            yield store
        finally:
            await store.close()

    @asynccontextmanager
    async def watching(self, store: ConfigurationStore, *keys: str) -> AsyncIterator[Updates]:
        updates = await store.watch(keys, self.metadata)
        try:
            yield updates
        finally:
            await updates.aclose()

    async def until(self, updates: Updates, key: str, value: str) -> dict[str, Setting]:
        """What comes out until the key has this value; what was changed twice may come out once."""
        found: dict[str, Setting] = {}
        async with asyncio.timeout(self.patience):
            while key not in found or found[key].value != value:
                found |= await anext(updates)
        return found

    async def values(self, store: ConfigurationStore, *keys: str) -> dict[str, str]:
        found = await store.get(keys, self.metadata)
        return {key: setting.value for key, setting in found.items()}

    async def test_close_without_open_is_allowed(self) -> None:
        await (await self.make()).close()

    async def test_instances_can_follow_one_another(self) -> None:
        await self.put(self.key("a"), "1")
        store = await self.make()
        for _ in range(2):
            await store.open()
            assert await self.values(store, self.key("a")) == {self.key("a"): "1"}
            await store.close()

    async def test_key_that_is_not_there_is_left_out(self, store: ConfigurationStore) -> None:
        await self.put(self.key("a"), "1")
        assert await self.values(store, self.key("none")) == {}
        assert await self.values(store, self.key("none"), self.key("a")) == {self.key("a"): "1"}

    async def test_setting_has_its_value_and_version(self, store: ConfigurationStore) -> None:
        await self.put(self.key("a"), "grün", "7")
        [(key, setting)] = (await store.get([self.key("a")], self.metadata)).items()
        assert (key, setting.value) == (self.key("a"), "grün")
        if self.versions:
            assert setting.version == "7"

    async def test_setting_may_have_no_version(self, store: ConfigurationStore) -> None:
        await self.put(self.key("a"), "1")
        assert (await store.get([self.key("a")], self.metadata))[self.key("a")].version == ""

    async def test_all_settings_are_given_when_none_is_named(self, store: ConfigurationStore) -> None:
        wanted = {self.key(str(number)): f"value {number}" for number in range(20)}
        for key, value in wanted.items():
            await self.put(key, value)
        assert wanted.items() <= (await self.values(store)).items()

    async def test_setting_that_was_deleted_is_gone(self, store: ConfigurationStore) -> None:
        await self.put(self.key("a"), "1")
        await self.remove(self.key("a"))
        assert await self.values(store, self.key("a")) == {}

    async def test_change_comes_out(self, store: ConfigurationStore) -> None:
        await self.put(self.key("a"), "1", "1")
        async with self.watching(store, self.key("a")) as updates:
            await self.put(self.key("a"), "2", "2")
            found = await self.until(updates, self.key("a"), "2")
        if self.versions:
            assert found[self.key("a")].version == "2"

    async def test_every_later_change_comes_out(self, store: ConfigurationStore) -> None:
        async with self.watching(store, self.key("a")) as updates:
            for number in range(5):
                await self.put(self.key("a"), str(number))
                await self.until(updates, self.key("a"), str(number))

    async def test_the_last_of_many_changes_comes_out(self, store: ConfigurationStore) -> None:
        async with self.watching(store, self.key("a"), self.key("b")) as updates:
            for number in range(20):
                await self.put(self.key("a"), str(number))
                await self.put(self.key("b"), str(number))
            found = await self.until(updates, self.key("b"), "19")
        assert found[self.key("a")].value == "19"

    async def test_key_that_is_new_comes_out(self, store: ConfigurationStore) -> None:
        async with self.watching(store, self.key("a")) as updates:
            await self.put(self.key("a"), "1")
            await self.until(updates, self.key("a"), "1")

    async def test_delete_comes_out_as_an_empty_value(self, store: ConfigurationStore) -> None:
        await self.put(self.key("a"), "1")
        async with self.watching(store, self.key("a")) as updates:
            await self.remove(self.key("a"))
            await self.until(updates, self.key("a"), "")

    async def test_other_keys_do_not_come_out(self, store: ConfigurationStore) -> None:
        async with self.watching(store, self.key("a")) as updates:
            await self.put(self.key("b"), "1")
            await self.put(self.key("a-and-more"), "1")
            await self.put(self.key("a"), "1")
            assert (await self.until(updates, self.key("a"), "1")).keys() == {self.key("a")}

    async def test_all_keys_are_watched_when_none_is_named(self, store: ConfigurationStore) -> None:
        async with self.watching(store) as updates:
            await self.put(self.key("a"), "1")
            await self.until(updates, self.key("a"), "1")
            await self.put(self.key("b"), "1")
            await self.until(updates, self.key("b"), "1")

    async def test_three_watchers_get_the_changes(self, store: ConfigurationStore) -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(self.watching(store, self.key("a")))
            both = await stack.enter_async_context(self.watching(store, self.key("a"), self.key("b")))
            everything = await stack.enter_async_context(self.watching(store))
            await self.put(self.key("a"), "1")
            for updates in (one, both, everything):
                await self.until(updates, self.key("a"), "1")
            await self.put(self.key("b"), "2")
            for updates in (both, everything):
                await self.until(updates, self.key("b"), "2")
            await self.remove(self.key("a"))
            for updates in (one, both, everything):
                await self.until(updates, self.key("a"), "")

    async def test_watcher_that_ends_leaves_the_others_alone(self, store: ConfigurationStore) -> None:
        async with self.watching(store, self.key("a")) as updates:
            async with self.watching(store, self.key("a")) as others:
                pass
            with pytest.raises(StopAsyncIteration):
                await anext(others)
            await self.put(self.key("a"), "1")
            await self.until(updates, self.key("a"), "1")

    async def test_watcher_that_waits_can_be_cancelled(self, store: ConfigurationStore) -> None:
        async with self.watching(store, self.key("a")) as updates:
            waiting = asyncio.ensure_future(anext(updates))
            await asyncio.wait({waiting}, timeout=0.05)
            waiting.cancel()
            await asyncio.wait({waiting})
            assert waiting.cancelled()

    async def test_two_instances_see_one_store(self, store: ConfigurationStore) -> None:
        other = await self.make()
        await other.open()
        try:
            async with self.watching(other, self.key("a")) as updates:
                await self.put(self.key("a"), "1")
                await self.until(updates, self.key("a"), "1")
            assert await self.values(store, self.key("a")) == {self.key("a"): "1"}
        finally:
            await other.close()
