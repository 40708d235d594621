"""One SQLite file with the engine's own tables."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from bindings.sqlite.connection import connect
from bindings.sqlite.failure import BUSY_TIMEOUT, failure
from bindings.sqlite.readers import Readers
from bindings.sqlite.writer import T, Work, Writer


class Database:
    """Shared by all who use the file in one event loop; `acquire` and `release` count them.

    `write` and `read` raise `Unavailable` while the file is locked by another process, or the disk is full. `held`:
    the messages (their `seq`) that readers of this process have not settled; `abandoned`: the claims that a closed
    one could not give back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: set[int] = set()
        self.abandoned: dict[int, int] = {}
        self._loop = asyncio.get_running_loop()
        self._users = 0
        self._arrivals: dict[str, asyncio.Future[None]] = {}
        self._readers = Readers(path)
        self._joining: asyncio.Future[None] | None = None
        self._writer = Writer(path, partial(connect, path))

    @classmethod
    async def acquire(cls, path: Path) -> Database:
        """The database of a resolved path. Raises `DefinitionError` or `NotReady` when it cannot be opened."""
        key = (asyncio.get_running_loop(), path)
        if key not in _shared:
            _shared[key] = cls(path)
        database = _shared[key]
        database._users += 1
        try:
            await database.write(_nothing)
        except BaseException:
            await database.release()
            raise
        return database

    async def release(self) -> None:
        self._users -= 1
        if self._users == 0:
            del _shared[self._loop, self.path]
            try:
                await self._writer.close()
            finally:
                self._readers.leave()

    def write(self, work: Work[T], *, durable: bool = True) -> asyncio.Future[T]:
        """As `Writer.write`."""
        if self._users == 0:
            raise RuntimeError(f"{self.path} is closed")
        return self._writer.write(work, durable=durable)

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on a connection of its own, so that a long listing holds up no commit."""
        return await asyncio.to_thread(self._read, work)

    def arrival(self, queue: str) -> asyncio.Future[None]:
        """Done when something arrives in a queue from now on, if it comes from this event loop."""
        if queue not in self._arrivals:
            self._arrivals[queue] = self._loop.create_future()
        return self._arrivals[queue]

    def announce(self, queue: str) -> None:
        if arrival := self._arrivals.pop(queue, None):
            arrival.set_result(None)

    async def join_readers(self) -> None:
        """To be called before the first claim; frees the claims of processes that died."""
        if self._joining is None or (self._joining.done() and self._joining.exception()):
            self._joining = self.write(self._readers.join)
        await asyncio.shield(self._joining)

    def _read(self, work: Work[T]) -> T:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT)) as connection:
                return work(connection)
        except sqlite3.Error as error:
            raise failure(error, self.path) from error


# One database a file and event loop: its futures and events belong to that loop.
_shared: dict[tuple[asyncio.AbstractEventLoop, Path], Database] = {}


def _nothing(connection: sqlite3.Connection) -> None:
    """What a write does that is only to show that the file can be opened."""
