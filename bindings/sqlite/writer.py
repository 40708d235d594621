"""One thread that works on a SQLite file: group commit.

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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeAlias, TypeVar

from bindings.sqlite.failure import failure

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


class Writer:
    """`connect` is called in the thread, for the first job and until it succeeds; transactions are begun by hand with
    `begin`. What it raises is what a job fails with; errors of SQLite become `Unavailable`, if the file is to blame.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection], begin: str = "BEGIN IMMEDIATE") -> None:
        self._path = path
        self._connect = connect
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._synchronous = "FULL"
        self._thread = Thread(target=self._run, name=f"sqlite {path}", daemon=True)
        self._thread.start()

    def write(self, work: Work[T], *, durable: bool = True) -> asyncio.Future[T]:
        """Runs `work` in a transaction that it may share with others, and perhaps twice, when one of them fails.

        When the future is done, the effects are safe from a crash of the process and, if `durable`, of the machine.
        """
        job = _Job(work, durable, self._loop.create_future())
        self._jobs.put(job)
        return job.done

    async def close(self) -> None:
        """Does first what waits."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while jobs := self._take():
            try:
                connection = connection or self._connect()
                self._commit(connection, jobs)
            except Exception as error:
                for job in jobs:
                    job.error = self._translate(error)
            # Once the loop is closed, nobody waits any more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_resolve, jobs)
        if connection:
            connection.close()

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
        connection.execute(self._begin)
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
        translated = failure(error, self._path)
        if translated is not error:
            translated.__cause__ = error
        return translated


def _resolve(jobs: Iterable[_Job[Any]]) -> None:
    for job in jobs:
        if job.done.done():  # cancelled: the work is done nevertheless
            continue
        if job.error:
            job.done.set_exception(job.error)
        else:
            job.done.set_result(job.result)
