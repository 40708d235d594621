from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from bindings.contract import Clock
from bindings.sqlite import dead_letters, ledger, upkeep
from bindings.sqlite import messages as sql
from bindings.sqlite.database import Database
from bindings.sqlite.queue import SqliteQueue, rows_of
from bindings.store import ALL_LETTERS, DeadLetter, LetterQuery, Message
from engine.errors import DefinitionError

_URL = re.compile(r"sqlite:(?://(?=/)|(?!//))(.+)")

_SET_MARKS = """
    INSERT INTO marks (scope, key, value) SELECT ?, key, value FROM json_each(?) WHERE true
    ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value
"""
_QUEUES = "SELECT DISTINCT queue FROM messages WHERE queue >= ? AND queue < ?"
_LAST = "\U0010ffff"  # no text goes on with more
_DROP_MARKS = "DELETE FROM marks WHERE scope = ? AND key IN (SELECT value FROM json_each(?))"


class SqliteStore:
    """The store in one SQLite file: `sqlite:PATH`, from the working directory, or `sqlite:///ABSOLUTE/PATH`.

    Every method raises `Unavailable` while the file is locked by another process, or the disk is full.
    """

    _database: Database

    def __init__(self, url: str, clock: Clock) -> None:
        match = _URL.fullmatch(url)
        if match is None:
            raise DefinitionError(
                f"{url!r} is not the URL of a SQLite store",
                hint="write it like sqlite:.jackfield/store.db or sqlite:///var/lib/jackfield/store.db",
            )
        self._path = Path(match[1]).resolve()
        self._clock = clock
        self._resources = AsyncExitStack()

    async def open(self, *, must_exist: bool = False) -> None:
        """Raises `DefinitionError` when the file cannot be used, and `NotReady` when it can be later."""
        if must_exist and not self._path.exists():
            hint = "no engine has run with it yet; is --store right, and the working directory?"
            raise DefinitionError(f"there is no store {self._path}", hint=hint)
        self._database = await Database.acquire(self._path)
        self._resources.push_async_callback(self._database.release)

    async def close(self) -> None:
        await self._resources.aclose()

    def queue(self, name: str) -> SqliteQueue:
        """A queue of the open store; to be closed before the store."""
        return SqliteQueue(self._database, _queue_name(name), self._clock)

    async def queues(self, prefix: str) -> Sequence[str]:
        return await self._database.read(partial(_queues, prefix=prefix))

    async def marks(self, scope: str) -> dict[str, str]:
        return await self._database.read(partial(_marks, scope=scope))

    async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
        parameters = (scope, json.dumps(dict(marks)))
        await self._database.write(lambda connection: connection.execute(_SET_MARKS, parameters))

    async def drop_marks(self, scope: str, keys: Sequence[str]) -> None:
        parameters = (scope, json.dumps(list(keys)))
        await self._database.write(lambda connection: connection.execute(_DROP_MARKS, parameters))

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        await self._database.write(partial(dead_letters.add, letters=letters))

    async def dead_letters(
        self, which: LetterQuery = ALL_LETTERS, *, after: str = "", limit: int = 100
    ) -> Sequence[DeadLetter]:
        return await self._database.read(partial(dead_letters.page, which=which, after=after, limit=limit))

    async def dead_letter(self, id: str) -> DeadLetter | None:
        return await self._database.read(partial(dead_letters.get, id=id))

    async def change_dead_letter(self, letter: DeadLetter) -> bool:
        return await self._database.write(partial(dead_letters.change, letter=letter))

    async def remove_dead_letters(self, ids: Sequence[str]) -> int:
        return await self._database.write(partial(dead_letters.remove, ids=ids))

    async def resend(
        self, letters: Sequence[str], queue: str, messages: Sequence[Message], marks: Mapping[str, Mapping[str, str]]
    ) -> None:
        name = _queue_name(queue)
        rows = rows_of(name, messages)

        def work(connection: sqlite3.Connection) -> None:
            dead_letters.remove(connection, letters)
            sql.put(connection, rows, None)
            for scope, of_scope in marks.items():
                connection.execute(_SET_MARKS, (scope, json.dumps(dict(of_scope))))

        await self._database.write(work)
        self._database.announce(name)

    async def count_dead_letters(self, which: LetterQuery = ALL_LETTERS) -> int:
        return await self._database.read(partial(dead_letters.count, which=which))

    async def claim(self, scope: str, keys: Sequence[str], now: float, since: float) -> Sequence[bool]:
        work = partial(ledger.claim, scope=scope, keys=keys, now=now, since=since)
        return await self._database.write(work, durable=False)  # a claim that a power cut undoes repeats its event, too

    async def commit(self, scope: str, keys: Sequence[str], now: float) -> None:
        await self._database.write(partial(ledger.commit, scope=scope, keys=keys, now=now))

    async def sweep(self, scope: str, before: float, most: int) -> int:
        return await self._database.write(partial(ledger.sweep, scope=scope, before=before, most=most))

    async def stats(self) -> Mapping[str, int]:
        return await self._database.read(partial(upkeep.stats, path=self._path))

    async def backup(self, path: str) -> None:
        await self._database.read(partial(upkeep.copy, target=Path(path)))


def _queue_name(name: str) -> str:
    return f"store/{name}"  # beside those of `bindings.localqueue`, which have no slash


def _queues(connection: sqlite3.Connection, prefix: str) -> list[str]:
    first = _queue_name(prefix)
    return [name.removeprefix(_queue_name("")) for (name,) in connection.execute(_QUEUES, (first, first + _LAST))]


def _marks(connection: sqlite3.Connection, scope: str) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM marks WHERE scope = ?", (scope,)))
