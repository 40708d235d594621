"""A few connections to one database that all share, made when they are needed."""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

DEFAULTS: dict[str, Any] = {  # of libpq; a network that is cut is noticed within half a minute, not after two hours
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 10,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}


class Pool:
    """Raises the errors of psycopg, and `TimeoutError`.

    `timeout`: seconds for a free connection and all that is done with it. `idle`: seconds after which a connection
    that nobody uses is closed. `prepared`: whether statements that come again are prepared on the server.
    """

    def __init__(
        self, conninfo: str, *, size: int, timeout: float, idle: float | None = None, prepared: bool = True
    ) -> None:
        self._conninfo = conninfo
        self._timeout = timeout
        self._idle_timeout = idle
        self._prepare_threshold = 5 if prepared else None  # 5 is psycopg's own
        self._room = asyncio.Semaphore(size)
        self._idle: deque[tuple[Connection, float]] = deque()  # the one that was used last is at the end
        self._closing: asyncio.TimerHandle | None = None
        self._open = False

    def open(self) -> None:
        """Connects to nothing yet."""
        self._open = True

    def close(self) -> None:
        """Those that are in use are closed when they are given back."""
        self._open = False
        self.close_idle()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with asyncio.timeout(self._timeout), self._room:
            connection = self._take() or await self.connect()
            try:
                yield connection
            finally:
                self._give_back(connection)

    async def connect(self) -> Connection:
        """A connection that does not belong to the pool: whoever calls closes it."""
        return await psycopg.AsyncConnection.connect(
            self._conninfo, autocommit=True, prepare_threshold=self._prepare_threshold
        )

    def close_idle(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        while self._idle:
            connection, _ = self._idle.pop()
            connection.pgconn.finish()

    def _take(self) -> Connection | None:
        while self._idle:
            connection, _ = self._idle.pop()
            if _is_quiet(connection):
                return connection
            connection.pgconn.finish()
        return None

    def _give_back(self, connection: Connection) -> None:
        if self._open and connection.info.transaction_status is TransactionStatus.IDLE:
            self._idle.append((connection, asyncio.get_running_loop().time()))
            self._close_later()
            return
        if connection.broken:  # so are those that wait: the server went away
            self.close_idle()
        connection.pgconn.finish()

    def _close_later(self) -> None:
        if self._idle_timeout is not None and self._closing is None:
            due = self._idle[0][1] + self._idle_timeout
            self._closing = asyncio.get_running_loop().call_at(due, self._close_old)

    def _close_old(self) -> None:
        self._closing = None
        newest = asyncio.get_running_loop().time() - (self._idle_timeout or 0.0)
        while self._idle and self._idle[0][1] <= newest:
            connection, _ = self._idle.popleft()
            connection.pgconn.finish()
        if self._idle:
            self._close_later()


def _is_quiet(connection: Connection) -> bool:
    """Nothing comes on a connection that nobody uses, but the end of it: the server was stopped, or is no more."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)
