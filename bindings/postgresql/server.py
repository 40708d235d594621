"""One database: a pool of connections, and errors in the engine's words."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import psycopg
import psycopg_pool
from psycopg.conninfo import conninfo_to_dict

from bindings.postgresql.failure import failure, opening_failure
from bindings.postgresql.schema import is_there, migrate
from engine.errors import DefinitionError

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

_CONNECT_TIMEOUT = 10  # seconds
_MOST_CONNECTIONS = 8

logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it logs what it raises as well, on every try


class Server:
    """`connection` raises `Unavailable` while the server does not answer; the next one after that connects again."""

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            hint = "write it like postgresql://user@localhost:5432/jackfield"
            raise DefinitionError("that is not the URL of a PostgreSQL database", hint=hint) from error
        self._url = psycopg.conninfo.make_conninfo(
            url, connect_timeout=parts.get("connect_timeout", _CONNECT_TIMEOUT), application_name="jackfield"
        )
        host, port, name = parts.get("host", "localhost"), parts.get("port", 5432), parts.get("dbname", "")
        self.shown = f"{host}:{port}/{name}"
        self._closing = contextlib.AsyncExitStack()
        self._pool: psycopg_pool.AsyncConnectionPool[Connection]

    async def open(self, *, must_exist: bool) -> None:
        """Connects and brings the schema up to date; raises `DefinitionError` or `NotReady`."""
        try:
            async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                if must_exist and not await is_there(connection):
                    hint = "no engine has run with it yet; is --store right?"
                    raise DefinitionError(f"there is no store in {self.shown}", hint=hint)
                await migrate(connection)
        except psycopg.Error as error:
            raise opening_failure(error, self.shown) from error
        self._pool = psycopg_pool.AsyncConnectionPool(
            self._url,
            min_size=1,
            max_size=_MOST_CONNECTIONS,
            timeout=_CONNECT_TIMEOUT,
            kwargs={"autocommit": True},
            open=False,
        )
        await self._closing.enter_async_context(self._pool)

    async def close(self) -> None:
        await self._closing.aclose()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
            translated = failure(error, self.shown)
            if translated is error:
                raise
            raise translated from error
