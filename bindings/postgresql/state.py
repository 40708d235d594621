"""State in a table of PostgreSQL, as Dapr's state.postgresql keeps it: a database may be used by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from bindings.contract import Change, Context, EtagMismatch, Item
from bindings.periodic import Periodic
from bindings.postgresql.address import Address, pool_of
from bindings.postgresql.failure import opening_failure, operation_failure
from bindings.postgresql.layout import BytesLayout, JsonLayout, Layout
from bindings.postgresql.metadata import PostgreSqlStateMetadata
from bindings.postgresql.pool import Connection
from bindings.postgresql.query import QueryText
from bindings.query import Page, Query
from engine.errors import DefinitionError, EventError, Permanent, Unavailable

_MAY = "the user must be allowed to make the tables, or to use those that are there"
# Whoever changes the row does the work: engines and Dapr share a table, and one of them sweeps it.
_TAKE_TURN = """
    INSERT INTO {table} (key, value) VALUES (%(mark)s, now()::text)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
    WHERE extract(epoch FROM now() - {table}.value::timestamp with time zone) > %(seconds)s::float8 - 0.1
"""


class PostgreSqlState:
    """Changes of one call are one transaction and one round trip. All take the rows in the order of the keys, so that
    none waits for another that waits for it; what becomes of each key is the same.
    """

    def __init__(self, metadata: PostgreSqlStateMetadata, context: Context, layout: Layout) -> None:
        address = Address.of(metadata, context.name)
        self._shown = address.shown
        self._pool = pool_of(metadata, address)
        self._layout = layout
        self._metadata = metadata
        self._sweeping = Periodic(self._sweep, metadata.sweep_every, context.clock, f"cleaning up {self._shown}")

    async def open(self) -> None:
        """Connects and makes the tables; raises `DefinitionError` or `NotReady`."""
        try:
            async with await self._pool.connect() as connection:
                await self._layout.migrate(connection)
        except psycopg.Error as error:
            raise opening_failure(error, self._shown, _MAY) from error
        self._pool.open()
        self._sweeping.start()

    async def get(self, keys: Sequence[str]) -> Mapping[str, Item]:
        wanted = {"keys": [key for key in keys if _is_writable(key)]}
        try:
            async with self._pool.connection() as connection:
                found = await connection.execute(self._layout.select.encode(), wanted, binary=True)
                return dict(map(self._layout.item, await found.fetchall()))
        except (psycopg.Error, TimeoutError) as error:
            raise operation_failure(error, self._shown) from error

    async def write(self, changes: Sequence[Change]) -> Sequence[EventError | None]:
        errors: dict[int, EventError | None] = {}
        statements: list[tuple[int, Change, dict[str, Any]]] = []
        for number, change in sorted(enumerate(changes), key=lambda numbered: numbered[1].key):
            parameters = self._parameters(change)
            if isinstance(parameters, EventError):
                errors[number] = parameters
            else:
                statements.append((number, change, parameters))
        made = await self._write([(change, parameters) for _, change, parameters in statements])
        errors |= {number: error for (number, _, _), error in zip(statements, made, strict=True)}
        return [errors[number] for number in range(len(changes))]

    async def transact(self, changes: Sequence[Change]) -> None:
        """Raises `EtagMismatch`."""
        statements = []
        for change in sorted(changes, key=lambda change: change.key):
            parameters = self._parameters(change)
            if isinstance(parameters, EventError):
                raise parameters
            statements.append((change, parameters))
        try:
            async with self._pool.connection() as connection, connection.transaction():
                for error in await self._execute(connection, statements):
                    if error is not None:
                        raise error
        except (psycopg.Error, TimeoutError) as error:
            raise operation_failure(error, self._shown) from error

    async def close(self) -> None:
        await self._sweeping.close()
        self._pool.close()

    def _parameters(self, change: Change) -> dict[str, Any] | EventError:
        if not _is_writable(change.key):
            return Permanent(f"the key {change.key!r} is no text that PostgreSQL can hold")
        parameters = self._layout.parameters(change)
        return _mismatch(change) if parameters is None else parameters

    async def _write(self, statements: Sequence[tuple[Change, dict[str, Any]]]) -> Sequence[EventError | None]:
        try:
            async with self._pool.connection() as connection:
                if len(statements) < 2:
                    return await self._execute(connection, statements)
                async with connection.transaction():
                    return await self._execute(connection, statements)
        except (psycopg.Error, TimeoutError) as error:
            failed = operation_failure(error, self._shown)
            if len(statements) < 2 or isinstance(failed, Unavailable):
                return [failed] * len(statements)
        # Each for itself: one that is refused must not fail its neighbours.
        return [error for statement in statements for error in await self._write([statement])]

    async def _execute(
        self, connection: Connection, statements: Sequence[tuple[Change, dict[str, Any]]]
    ) -> Sequence[EventError | None]:
        """In one round trip. Raises the first error of the server."""
        async with connection.pipeline():
            cursors = [
                await connection.execute(self._statement(change).encode(), parameters)
                for change, parameters in statements
            ]
        return [
            _mismatch(change) if cursor.rowcount == 0 and _is_conditional(change) else None
            for (change, _), cursor in zip(statements, cursors, strict=True)
        ]

    def _statement(self, change: Change) -> str:
        if change.value is None:
            return self._layout.delete if change.etag is None else self._layout.delete_same
        if change.etag is not None:
            return self._layout.update
        return self._layout.insert if change.first_write else self._layout.upsert

    async def _sweep(self) -> None:
        take_turn = _TAKE_TURN.format(table=self._metadata.metadata_table_name)
        parameters = {"mark": self._layout.mark, "seconds": self._metadata.sweep_every}
        async with self._pool.connection() as connection:
            if (await connection.execute(take_turn.encode(), parameters)).rowcount:
                await connection.execute(self._layout.sweep.encode())


class PostgreSqlJsonState(PostgreSqlState):
    """Version v1, whose values can be queried, if they are JSON."""

    _layout: JsonLayout

    async def query(self, query: Query) -> Page:
        text = QueryText(query)
        statement = self._layout.search(text.where, text.order)
        try:
            async with self._pool.connection() as connection:
                found = await connection.execute(statement.encode(), text.parameters, binary=True)
                items = list(map(self._layout.item, await found.fetchall()))
        except (psycopg.Error, TimeoutError) as error:
            raise operation_failure(error, self._shown) from error
        more = bool(query.limit) and len(items) > query.limit
        return Page(items[: query.limit or None], str(text.parameters["offset"] + query.limit) if more else "")


def state_of(metadata: PostgreSqlStateMetadata, context: Context) -> PostgreSqlState:
    """The store of the component's version; raises `DefinitionError` for one that there is not."""
    if context.version in ("", "v1"):
        return PostgreSqlJsonState(metadata, context, JsonLayout(metadata.table_name, metadata.metadata_table_name))
    if context.version == "v2":
        return PostgreSqlState(metadata, context, BytesLayout(metadata.table_prefix, metadata.metadata_table_name))
    hint = "write `version: v1` or `version: v2`"
    raise DefinitionError(f"state.postgresql has no version {context.version!r}", hint=hint)


def _is_conditional(change: Change) -> bool:
    return change.etag is not None or (change.first_write and change.value is not None)


def _is_writable(key: str) -> bool:
    return "\0" not in key and key.encode(errors="replace").decode() == key


def _mismatch(change: Change) -> EtagMismatch:
    if change.etag is None:
        return EtagMismatch(f"{change.key!r} has a value already")
    return EtagMismatch(f"the value of {change.key!r} has changed: its etag is not {change.etag!r}")
