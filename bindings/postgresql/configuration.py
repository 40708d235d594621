"""Settings in a table of PostgreSQL, as Dapr's configuration.postgresql reads them.

The table is the user's, and so is the trigger that notifies of its changes
(https://docs.dapr.io/reference/components-reference/supported-configuration-stores/postgresql-configuration-store/).
A notification only says that the table is to be read again, so what is in it matters to nobody.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import psycopg

from bindings.contract import Context, Setting
from bindings.postgresql.address import Address, pool_of
from bindings.postgresql.failure import opening_failure, operation_failure
from bindings.postgresql.metadata import PostgreSqlConfigurationMetadata
from bindings.postgresql.migrations import exists
from bindings.postgresql.pool import Connection
from engine.errors import DefinitionError

_log = logging.getLogger(__name__)

_MAY = "the user must be allowed to read the table"
_SHORTEST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds between two tries to connect


class PostgreSqlConfiguration:
    """Each watcher has a connection of its own, beside those of the pool."""

    def __init__(self, metadata: PostgreSqlConfigurationMetadata, context: Context) -> None:
        address = Address.of(metadata, context.name)
        self._shown = address.shown
        self._pool = pool_of(metadata, address, metadata.conn_max_idle_time)
        self._table = metadata.table
        self._channel = metadata.notify_channel or metadata.pg_notify_channel or ""
        self._clock = context.clock

    async def open(self) -> None:
        """Connects; raises `DefinitionError` or `NotReady`."""
        self._pool.open()
        try:
            async with self._pool.connection() as connection:
                there = await exists(connection, self._table)
        except (psycopg.Error, TimeoutError) as error:
            raise opening_failure(error, self._shown, _MAY) from error
        if not there:
            hint = "make it, with the columns key, value, version and metadata, or correct `table`"
            raise DefinitionError(f"there is no table {self._table} in {self._shown}", hint=hint)

    async def get(self, keys: Sequence[str], metadata: Mapping[str, str]) -> Mapping[str, Setting]:
        """Of several versions of a key, the one with the largest number. No metadata is understood."""
        try:
            async with self._pool.connection() as connection:
                return await self._read(connection, keys)
        except (psycopg.Error, TimeoutError) as error:
            raise operation_failure(error, self._shown) from error

    async def watch(
        self, keys: Sequence[str], metadata: Mapping[str, str]
    ) -> AsyncGenerator[Mapping[str, Setting], None]:
        """`metadata`: `pgNotifyChannel`, where the component has no `notifyChannel`."""
        asked = {name.lower(): value for name, value in metadata.items()}
        channel = self._channel or asked.get("pgnotifychannel", "")
        if not channel:
            hint = "name the channel of the table's trigger"
            raise DefinitionError(f"the settings in {self._table} can be watched only with `notifyChannel`", hint=hint)
        changes = self._changes(keys, channel)
        try:
            await anext(changes)  # it has begun, so that `aclose` closes its connection
        except psycopg.Error as error:
            raise operation_failure(error, self._shown) from error
        return changes

    async def close(self) -> None:
        self._pool.close()

    async def _changes(self, keys: Sequence[str], channel: str) -> AsyncGenerator[Mapping[str, Setting], None]:
        """Gives nothing first, when it listens. What changes while the connection is lost comes out after that."""
        connection: Connection | None = None
        wait = _SHORTEST_WAIT
        try:
            connection = await self._listen(channel)
            known = await self._read(connection, keys)
            yield {}
            while True:
                try:
                    if connection is None:
                        connection = await self._listen(channel)
                    else:
                        await _notified(connection)
                    now = await self._read(connection, keys)
                except psycopg.Error as error:
                    _log.warning("changes of %s in %s are not seen: %s", self._table, self._shown, error)
                    if connection is not None:
                        await connection.close()
                        connection = None
                    await self._clock.sleep(wait)
                    wait = min(wait * 2, _LONGEST_WAIT)
                    continue
                wait = _SHORTEST_WAIT
                changed = {key: now.get(key, Setting("")) for key in known | now if now.get(key) != known.get(key)}
                known = now
                if changed:
                    yield changed
        finally:
            if connection is not None:
                await connection.close()

    async def _listen(self, channel: str) -> Connection:
        connection = await self._pool.connect()
        try:
            await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _read(self, connection: Connection, keys: Sequence[str]) -> dict[str, Setting]:
        select = f"SELECT key, value, version, metadata FROM {self._table}"
        if keys:
            found = await connection.execute(f"{select} WHERE key = ANY (%s)".encode(), (list(keys),))
        else:
            found = await connection.execute(select.encode())
        settings: dict[str, Setting] = {}
        for key, value, version, metadata in await found.fetchall():
            setting = Setting(_text(value), _text(version), {k: _text(v) for k, v in (metadata or {}).items()})
            if key not in settings or _number(setting) > _number(settings[key]):
                settings[key] = setting
        return settings


async def _notified(connection: Connection) -> None:
    """Returns when one notification, or several at once, have come."""
    async with aclosing(connection.notifies(stop_after=1)) as notifications:
        async for _ in notifications:
            pass


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _number(setting: Setting) -> int:
    """Of its version, as Dapr compares them; -1 for one that is no number."""
    try:
        return int(setting.version)
    except ValueError:
        return -1
