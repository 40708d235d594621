"""The database of a store: its connections, and errors in the engine's words."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bindings.postgresql.failure import failure, opening_failure
from bindings.postgresql.pool import DEFAULTS, Connection, Pool
from bindings.postgresql.schema import APPLICATION_NAME, is_there, migrate
from engine.errors import DefinitionError

_MOST_CONNECTIONS = 8
_PATIENCE = 60.0  # seconds: a server may hang and not close


class Server:
    """`connection` raises `Unavailable` while the server does not answer; the next one after that connects again.

    There is a connection for as long as the server answers: by it other engines know that this one lives.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            hint = "write it like postgresql://user@localhost:5432/jackfield"
            raise DefinitionError("that is not the URL of a PostgreSQL database", hint=hint) from error
        conninfo = make_conninfo("", **{**DEFAULTS, **parts, "application_name": APPLICATION_NAME})
        host, port, name = parts.get("host", "localhost"), parts.get("port", 5432), parts.get("dbname", "")
        self.shown = f"{host}:{port}/{name}"
        self._pool = Pool(conninfo, size=_MOST_CONNECTIONS, timeout=_PATIENCE)

    async def open(self, *, must_exist: bool) -> None:
        """Connects and brings the schema up to date; raises `DefinitionError` or `NotReady`."""
        try:
            async with await self._pool.connect() as connection:
                if must_exist and not await is_there(connection):
                    hint = "no engine has run with it yet; is --store right?"
                    raise DefinitionError(f"there is no store in {self.shown}", hint=hint)
                await migrate(connection)
        except psycopg.Error as error:
            raise opening_failure(error, self.shown) from error
        self._pool.open()

    async def close(self) -> None:
        self._pool.close()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, TimeoutError) as error:
            translated = failure(error, self.shown)
            if translated is error:
                raise
            raise translated from error
