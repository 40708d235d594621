"""State in a SQLite file, as Dapr's state.sqlite keeps it: a file may be used by both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bindings.contract import Change, Context, Item
from bindings.manifest import ComponentType
from bindings.periodic import Periodic
from bindings.sqlite.location import Location
from bindings.sqlite.metadata import SqliteStateMetadata
from bindings.sqlite.table import StateTable
from bindings.sqlite.writer import Writer
from engine.errors import EventError, TimedOut

T = TypeVar("T")


class SqliteState:
    """One thread writes, another reads; what waits for a thread shares a transaction."""

    _reader: Writer
    _writer: Writer

    def __init__(self, metadata: SqliteStateMetadata, context: Context) -> None:
        self._location = Location.of(metadata)
        self._metadata = metadata
        self._clock = context.clock
        self._table = StateTable(metadata.table_name, metadata.metadata_table_name)
        self._sweeping = Periodic(
            self._sweep, metadata.sweep_every, context.clock, f"cleaning up {self._location.path}"
        )
        self._resources = AsyncExitStack()

    async def open(self) -> None:
        """Makes the table; raises `DefinitionError` or `NotReady`."""
        connect = partial(self._location.connect, self._metadata.busy_timeout)
        self._writer = Writer(self._location.path, connect)
        self._resources.push_async_callback(self._writer.close)
        if not self._location.read_only:
            await self._writer.write(self._table.migrate)
        self._reader = self._writer
        if not self._location.in_memory:  # each connection to a store in memory has one of its own
            self._reader = Writer(self._location.path, connect, "BEGIN")
            self._resources.push_async_callback(self._reader.close)
        self._sweeping.start()
        self._resources.push_async_callback(self._sweeping.close)

    async def get(self, keys: Sequence[str]) -> Mapping[str, Item]:
        wanted = [key for key in keys if _is_writable(key)]
        return await self._within(self._reader.write(partial(self._table.get, keys=wanted, now=self._clock.now())))

    async def write(self, changes: Sequence[Change]) -> Sequence[EventError | None]:
        work = partial(self._table.write, changes=changes, now=self._clock.now())
        return await self._within(self._writer.write(work))

    async def transact(self, changes: Sequence[Change]) -> None:
        """Raises `EtagMismatch`."""
        work = partial(self._table.transact, changes=changes, now=self._clock.now())
        error = await self._within(self._writer.write(work))
        if error is not None:
            raise error

    async def close(self) -> None:
        await self._resources.aclose()

    async def _within(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._metadata.patience):
                return await work
        except TimeoutError as error:
            raise TimedOut(f"{self._location.path} was not read or written in time") from error

    async def _sweep(self) -> None:
        now, seconds = self._clock.now(), self._metadata.sweep_every
        await self._writer.write(partial(self._table.sweep, now=now, seconds=seconds))


def _is_writable(key: str) -> bool:
    return key.encode(errors="replace").decode() == key


component = ComponentType(
    name="state.sqlite",
    summary="State in a SQLite file, which is that of Dapr; nothing has to be installed.",
    metadata=SqliteStateMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: statestore
spec:
  type: state.sqlite
  version: v1
  metadata:
    - name: connectionString
      value: data/state.db
    - name: cleanupInterval
      value: 1h
""",
    state_store=SqliteState,
)
alias = replace(component, name="state.sqlite3", example=component.example.replace("state.sqlite", "state.sqlite3"))
