from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from bindings.contract import Clock
from bindings.postgresql import dead_letters
from bindings.postgresql.arrivals import Arrivals
from bindings.postgresql.queue import PostgresQueue, put
from bindings.postgresql.server import Server
from bindings.postgresql.text import key, read, written
from bindings.store import ALL_LETTERS, DeadLetter, LetterQuery, Message
from engine.errors import DefinitionError

_SET_MARKS = """
    INSERT INTO jackfield.marks (scope, key, name, value) SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[])
    ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value
"""
_COMMITTED = "SELECT key FROM jackfield.ledger WHERE scope = %s AND key = ANY (%s) AND committed_at >= %s"
_CLAIM = """
    INSERT INTO jackfield.ledger (scope, key, claimed_at) SELECT %(scope)s, *, %(now)s FROM unnest(%(keys)s::text[])
    ON CONFLICT (scope, key) DO UPDATE SET claimed_at = excluded.claimed_at, committed_at = NULL
    WHERE ledger.committed_at IS NULL OR ledger.committed_at < %(since)s
"""
_COMMIT = """
    INSERT INTO jackfield.ledger (scope, key, claimed_at, committed_at)
    SELECT %(scope)s, *, %(now)s, %(now)s FROM unnest(%(keys)s::text[])
    ON CONFLICT (scope, key) DO UPDATE SET committed_at = excluded.committed_at
"""
# The expression is that of the index `ledger_by_age`.
_FORGET_OLD = "DELETE FROM jackfield.ledger WHERE scope = %s AND coalesce(committed_at, claimed_at) < %s"
_FORGET_MOST = """
    DELETE FROM jackfield.ledger WHERE scope = %(scope)s AND key IN (
        SELECT key FROM jackfield.ledger WHERE scope = %(scope)s
        ORDER BY coalesce(committed_at, claimed_at) DESC OFFSET %(most)s
    )
"""
_STATS = """
    SELECT (SELECT count(*) FROM jackfield.dead_letters), (SELECT count(*) FROM jackfield.ledger),
        (SELECT count(*) FROM jackfield.marks),
        (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
         WHERE relnamespace = 'jackfield'::regnamespace AND relkind = 'r')
"""
_QUEUES = "SELECT DISTINCT queue FROM jackfield.messages WHERE queue >= %s AND queue < %s"
_LAST = "\U0010ffff"  # no text goes on with more
_REPLAYS = "replay/"


class PostgresStore:
    """The store in a PostgreSQL database, in the schema `jackfield`: `postgresql://user@host:port/database`, with
    whatever libpq understands behind it (https://www.postgresql.org/docs/current/libpq-connect.html).

    Several engines may share it. Every method raises `Unavailable` while the server does not answer.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._server = Server(url)
        self._clock = clock
        self._arrivals = Arrivals(self._server, clock)
        self._resources = AsyncExitStack()

    async def open(self, *, must_exist: bool = False) -> None:
        """Raises `DefinitionError` when the database cannot be used, and `NotReady` when it can be later."""
        await self._server.open(must_exist=must_exist)
        self._resources.push_async_callback(self._server.close)
        self._resources.push_async_callback(self._arrivals.close)

    async def close(self) -> None:
        await self._resources.aclose()

    def queue(self, name: str) -> PostgresQueue:
        """A queue of the open store; to be closed before the store."""
        return PostgresQueue(self._server, self._arrivals, name, self._clock)

    async def queues(self, prefix: str) -> Sequence[str]:
        async with self._server.connection() as connection:
            found = await connection.execute(_QUEUES, (prefix, prefix + _LAST))
            return [name for (name,) in await found.fetchall()]

    async def marks(self, scope: str) -> dict[str, str]:
        async with self._server.connection() as connection:
            found = await connection.execute("SELECT name, value FROM jackfield.marks WHERE scope = %s", (scope,))
            return {read(name): read(value) for name, value in await found.fetchall()}

    async def set_marks(self, scope: str, marks: Mapping[str, str]) -> None:
        async with self._server.connection() as connection:
            await connection.execute(_SET_MARKS, _marks(scope, marks))

    async def drop_marks(self, scope: str, keys: Sequence[str]) -> None:
        async with self._server.connection() as connection:
            drop = "DELETE FROM jackfield.marks WHERE scope = %s AND key = ANY (%s)"
            await connection.execute(drop, (scope, list(map(key, keys))))

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        async with self._server.connection() as connection:
            await dead_letters.add(connection, letters)

    async def dead_letters(
        self, which: LetterQuery = ALL_LETTERS, *, after: str = "", limit: int = 100
    ) -> Sequence[DeadLetter]:
        async with self._server.connection() as connection:
            return await dead_letters.page(connection, which, after, limit)

    async def dead_letter(self, id: str) -> DeadLetter | None:
        async with self._server.connection() as connection:
            return await dead_letters.get(connection, id)

    async def change_dead_letter(self, letter: DeadLetter) -> bool:
        async with self._server.connection() as connection:
            return await dead_letters.change(connection, letter)

    async def remove_dead_letters(self, ids: Sequence[str]) -> int:
        async with self._server.connection() as connection:
            return await dead_letters.remove(connection, ids)

    async def resend(
        self, letters: Sequence[str], queue: str, messages: Sequence[Message], marks: Mapping[str, Mapping[str, str]]
    ) -> None:
        async with self._server.connection() as connection, connection.transaction():
            await dead_letters.remove(connection, letters)
            await put(connection, queue, messages)
            for scope, of_scope in marks.items():
                await connection.execute(_SET_MARKS, _marks(scope, of_scope))
        self._arrivals.announce([queue])

    async def count_dead_letters(self, which: LetterQuery = ALL_LETTERS) -> int:
        async with self._server.connection() as connection:
            return await dead_letters.count(connection, which)

    async def claim(self, scope: str, keys: Sequence[str], now: float, since: float) -> Sequence[bool]:
        texts = list(map(key, keys))
        async with self._server.connection() as connection, connection.transaction():
            found = await connection.execute(_COMMITTED, (scope, texts, since))
            committed = {text for (text,) in await found.fetchall()}
            claimed = sorted(set(texts) - committed)
            await connection.execute(_CLAIM, {"scope": scope, "keys": claimed, "now": now, "since": since})
        return [text in committed for text in texts]

    async def commit(self, scope: str, keys: Sequence[str], now: float) -> None:
        # Without repeats: one statement cannot change a row twice. Sorted: two engines lock them in the same order.
        parameters = {"scope": scope, "keys": sorted(set(map(key, keys))), "now": now}
        async with self._server.connection() as connection:
            await connection.execute(_COMMIT, parameters)

    async def sweep(self, scope: str, before: float, most: int) -> int:
        async with self._server.connection() as connection, connection.transaction():
            forgotten = (await connection.execute(_FORGET_OLD, (scope, before))).rowcount
            return forgotten + (await connection.execute(_FORGET_MOST, {"scope": scope, "most": most})).rowcount

    async def stats(self) -> Mapping[str, int]:
        async with self._server.connection() as connection:
            [(letters, keys, marks, size)] = await (await connection.execute(_STATS)).fetchall()
            queues = await connection.execute("SELECT queue, count(*) FROM jackfield.messages GROUP BY queue")
            messages: Counter[str] = Counter()
            for queue, number in await queues.fetchall():
                messages["replayed" if queue.startswith(_REPLAYS) else "spooled"] += number
        held = {"dead letters": letters, "deduplication keys": keys, "marks": marks}
        return {**held, **{f"{kind} messages": messages[kind] for kind in sorted(messages)}, "table bytes": size}

    async def backup(self, path: str) -> None:
        hint = f"pg_dump --schema=jackfield --format=custom --file={path} DATABASE"
        raise DefinitionError("a PostgreSQL store is copied with PostgreSQL's own tool", hint=hint)


def _marks(scope: str, marks: Mapping[str, str]) -> tuple[str, list[str], list[str], list[str]]:
    names = sorted(marks)  # two engines lock them in the same order
    return (
        scope,
        [key(name) for name in names],
        [written(name) for name in names],
        [written(marks[name]) for name in names],
    )
