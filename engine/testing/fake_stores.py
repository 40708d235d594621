"""Locks and configuration of the fake engine, in memory."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterator, Mapping, MutableMapping, Sequence

from bindings.contract import Clock, Setting, Unlocked


class FakeLocks:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._locks: dict[str, tuple[str, float]] = {}  # the owner, and until when, by the resource

    async def open(self) -> None:
        pass

    async def acquire(self, resource: str, owner: str, seconds: float) -> bool:
        if self._owner(resource) is not None:
            return False
        self._locks[resource] = (owner, self._clock.now() + seconds)
        return True

    async def release(self, resource: str, owner: str) -> Unlocked:
        held_by = self._owner(resource)
        if held_by is None:
            return Unlocked.NOT_LOCKED
        if held_by != owner:
            return Unlocked.OTHER_OWNER
        del self._locks[resource]
        return Unlocked.DONE

    async def close(self) -> None:
        pass

    def _owner(self, resource: str) -> str | None:
        owner, until = self._locks.get(resource, (None, 0.0))
        return owner if self._clock.now() < until else None


class FakeConfiguration(MutableMapping[str, str]):
    """The values of one configuration store by their keys; apps that watch one are told when it is set or deleted."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._versions = itertools.count(1)
        self.settings: dict[str, Setting] = {}
        self.watchers: set[tuple[asyncio.AbstractEventLoop, asyncio.Queue[tuple[str, Setting]]]] = set()
        self.update(values or {})

    def __getitem__(self, key: str) -> str:
        return self.settings[key].value

    def __setitem__(self, key: str, value: str) -> None:
        self.settings[key] = Setting(value, str(next(self._versions)))
        self._tell(key, self.settings[key])

    def __delitem__(self, key: str) -> None:
        del self.settings[key]
        self._tell(key, Setting(""))

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def _tell(self, key: str, setting: Setting) -> None:
        """From whatever thread the test runs in."""
        for loop, queue in list(self.watchers):
            loop.call_soon_threadsafe(queue.put_nowait, (key, setting))


class FakeConfigurationStore:
    """As the API uses it."""

    def __init__(self, values: FakeConfiguration) -> None:
        self._values = values

    async def open(self) -> None:
        pass

    async def get(self, keys: Sequence[str], metadata: Mapping[str, str]) -> Mapping[str, Setting]:
        return {key: setting for key, setting in self._values.settings.items() if not keys or key in keys}

    async def watch(
        self, keys: Sequence[str], metadata: Mapping[str, str]
    ) -> AsyncGenerator[Mapping[str, Setting], None]:
        queue: asyncio.Queue[tuple[str, Setting]] = asyncio.Queue()
        watcher = (asyncio.get_running_loop(), queue)
        self._values.watchers.add(watcher)
        return self._changes(watcher, keys)

    async def close(self) -> None:
        pass

    async def _changes(
        self, watcher: tuple[asyncio.AbstractEventLoop, asyncio.Queue[tuple[str, Setting]]], keys: Sequence[str]
    ) -> AsyncGenerator[Mapping[str, Setting], None]:
        with contextlib.ExitStack() as stack:
            stack.callback(self._values.watchers.discard, watcher)
            while True:
                key, setting = await watcher[1].get()
                if not keys or key in keys:
                    yield {key: setting}
