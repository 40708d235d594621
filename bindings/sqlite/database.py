"""One SQLite file: one thread that writes, and group commit.

Whatever waits when the thread gets free goes into one transaction, so that one fsync makes all of it durable.

A caution for all that runs in the thread: each step of a statement, and so each row of a result, gives up Python's
global lock, and a busy event loop may take 5 ms (`sys.getswitchinterval`) to hand it back: a hundred rows took half a
second. A batch of messages is therefore one statement with one row of JSON, not a statement or a row for each of them.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeAlias, TypeVar

from bindings.sqlite.connection import connect
from bindings.sqlite.failure import BUSY_TIMEOUT, failure
from bindings.sqlite.readers import Readers

_FAULT = "jackfield.fault"  # where a chaos run may kill the process (docs/chaos.md)

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], T]


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    work: Work[T]
    durable: bool
    done: asyncio.Future[T]
    result: T | None = None
    error: Exception | None = None


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
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._synchronous = "FULL"
        self._arrivals: dict[str, asyncio.Future[None]] = {}
        self._readers = Readers(path)
        self._joining: asyncio.Future[None] | None = None
        self._thread = Thread(target=self._run, name=f"sqlite {path}", daemon=True)
        self._thread.start()

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
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)

    def write(self, work: Work[T], *, durable: bool = True) -> asyncio.Future[T]:
        """Runs `work` in a transaction that it may share with others, and perhaps twice, when one of them fails.

        When the future is done, the effects are safe from a crash of the process and, if `durable`, of the machine.
        """
        if self._users == 0:
            raise RuntimeError(f"{self.path} is closed")
        job = _Job(work, durable, self._loop.create_future())
        self._jobs.put(job)
        return job.done

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

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while jobs := self._take():
            try:
                connection = connection or connect(self.path)
                self._commit(connection, jobs)
            except Exception as error:
                for job in jobs:
                    job.error = self._translate(error)
            # Once the loop is closed, nobody waits any more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_resolve, jobs)
        if connection:
            connection.close()
        self._readers.leave()

    def _take(self) -> Sequence[_Job[Any]]:
        """All that waits, at least one; none at the end."""
        jobs: list[_Job[Any]] = []
        job = self._jobs.get()
        while job:
            jobs.append(job)
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs
        if jobs:
            self._jobs.put(None)
        return jobs

    def _commit(self, connection: sqlite3.Connection, jobs: Sequence[_Job[Any]]) -> None:
        """All in one transaction; where one fails, each in its own, so that it does not fail its neighbours."""
        synchronous = "FULL" if any(job.durable for job in jobs) else "NORMAL"
        if synchronous != self._synchronous:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            self._synchronous = synchronous
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                job.result = job.work(connection)
            sys.audit(_FAULT, "before-commit")
            connection.execute("COMMIT")
            sys.audit(_FAULT, "after-commit")
        except Exception:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if len(jobs) == 1:
                raise
            self._commit_one_by_one(connection, jobs)

    def _commit_one_by_one(self, connection: sqlite3.Connection, jobs: Sequence[_Job[Any]]) -> None:
        for job in jobs:
            try:
                self._commit(connection, [job])
            except Exception as error:
                job.error = self._translate(error)

    def _translate(self, error: Exception) -> Exception:
        translated = failure(error, self.path)
        if translated is not error:
            translated.__cause__ = error
        return translated


# One database a file and event loop: its futures and events belong to that loop.
_shared: dict[tuple[asyncio.AbstractEventLoop, Path], Database] = {}


def _resolve(jobs: Iterable[_Job[Any]]) -> None:
    for job in jobs:
        if job.done.done():  # cancelled: the work is done nevertheless
            continue
        if job.error:
            job.done.set_exception(job.error)
        else:
            job.done.set_result(job.result)


def _nothing(connection: sqlite3.Connection) -> None:
    """What a write does that is only to show that the file can be opened."""
