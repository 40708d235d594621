"""What the commands beside `run` need: the folder, one of its outputs, and the store, opened for a moment."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from bindings.contract import OutputBinding
from bindings.store import Store
from engine.clock import SystemClock
from engine.components import Components
from engine.definitions.check import Definitions, check
from engine.definitions.folder import Folder
from engine.registry import open_store
from engine.resolver import Resolver


@contextlib.asynccontextmanager
async def opened_store(url: str, *, must_exist: bool = True) -> AsyncIterator[Store]:
    store = open_store(url, SystemClock())
    await store.open(must_exist=must_exist)
    try:
        yield store
    finally:
        await store.close()


async def definitions_of(folder: str) -> Definitions:
    """What of a folder could run; raises `DefinitionError` when there is no such folder."""
    return (await check(Folder.load(Path(folder)))).definitions


@contextlib.asynccontextmanager
async def opened_output(folder: str, store_url: str, name: str) -> AsyncIterator[tuple[OutputBinding, str]]:
    """An output component of a folder, and its type's default operation."""
    definitions = await definitions_of(folder)
    clock = SystemClock()
    async with opened_store(store_url, must_exist=False) as store, Resolver(definitions, store, clock) as resolver:
        use = await resolver.component(name)
        components = Components(store, clock)
        binding = await components.output(use)
        try:
            yield binding, use.manifest.default_operation
        finally:
            await components.release(use)
