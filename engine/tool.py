"""What the commands beside `run` need: the folder, one of its outputs, and the store, opened for a moment."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from bindings.contract import OutputBinding
from bindings.store import Store
from engine.clock import SystemClock
from engine.components import Components, Use
from engine.definitions.check import Definitions, check
from engine.definitions.folder import Folder
from engine.definitions.settings import settings
from engine.errors import DefinitionError
from engine.registry import component_type, open_store
from engine.secrets import Secrets
from engine.suggest import close_match


@contextlib.asynccontextmanager
async def opened_store(url: str) -> AsyncIterator[Store]:
    store = open_store(url, SystemClock())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def definitions_of(folder: str) -> Definitions:
    """What of a folder could run; raises `DefinitionError` when there is no such folder."""
    if not Path(folder).is_dir():  # noqa: ASYNC240 - before anything else runs
        raise DefinitionError(f"there is no folder {folder!r}", hint="name it with --dir")
    return (await check(Folder.load(Path(folder)))).definitions


@contextlib.asynccontextmanager
async def opened_output(folder: str, store_url: str, name: str) -> AsyncIterator[tuple[OutputBinding, str]]:
    """An output component of a folder, and its type's default operation."""
    components = (await definitions_of(folder)).components
    if name not in components:
        hint = close_match(name, components) or f"`jackfield check {folder}` says what is wrong with it, if it is there"
        raise DefinitionError(f"there is no component {name!r} in {folder}", hint=hint)
    component = components[name]
    async with opened_store(store_url) as store:
        secrets = Secrets(components, store, SystemClock())
        try:
            manifest = component_type(component.model.spec.type)
            use = Use(name, manifest, await settings(component, secrets), name, component.model.spec.init_timeout)
            opened = Components(store, SystemClock())
            binding = await opened.output(use)
            try:
                yield binding, manifest.default_operation
            finally:
                await opened.release(use)
        finally:
            await secrets.close()
