"""What is PostgreSQL's own; what every store does is in tests/bindings/test_store.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from bindings.postgresql.store import PostgresStore
from bindings.store import Message
from engine.clock import SystemClock
from engine.errors import DefinitionError, NotReady, Unavailable
from tests.bindings.conformance import settled
from tests.bindings.postgresql.server import PostgreSql
from tests.bindings.test_store import letter
from tests.servers import free_ports


@pytest.fixture
def url(postgresql: PostgreSql) -> str:
    return postgresql.new_database()


@asynccontextmanager
async def opened(url: str, *, must_exist: bool = False) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, SystemClock())
    try:
        await store.open(must_exist=must_exist)
        yield store
    finally:
        await store.close()


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def role(url: str, name: str) -> str:
    """The URL of the database for a new user without a password and without rights."""
    execute(url, f"CREATE ROLE {name} LOGIN")
    return url.replace("postgres@", f"{name}@")


async def refused(url: str, *, must_exist: bool = False) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        async with opened(url, must_exist=must_exist):
            pass
    assert "secret" not in str(caught.value)
    return caught.value


async def test_store_keeps_all_when_it_is_closed(url: str) -> None:
    kept = letter("1")
    async with opened(url) as store:
        await store.set_marks("a", {"1": "one"})
        await store.add_dead_letters([kept])
        await store.queue("spool").put([Message("1", b"one")])
        await store.commit("s", ["k"], now=1.0)
    for again in (url, url.replace("postgresql:", "postgres:")):
        async with opened(again, must_exist=True) as store:
            assert await store.marks("a") == {"1": "one"}
            assert list(await store.dead_letters()) == [kept]
            assert await store.claim("s", ["k"], now=2.0, since=0.0) == [True]
            queue = store.queue("spool")
            assert [message.data for message in await queue.read(10)] == [b"one"]
            await queue.close()


async def test_engines_that_open_an_empty_database_at_once_make_one_schema(url: str) -> None:
    stores = [PostgresStore(url, SystemClock()) for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.set_marks("s", {str(n): "x"}) for n, store in enumerate(stores)))
    assert len(await stores[0].marks("s")) == 5
    for store in stores:
        await store.close()


async def test_keys_that_engines_claim_at_once_in_any_order_hold_up_nobody(url: str) -> None:
    keys = [str(number) for number in range(300)]
    async with opened(url) as one, opened(url) as other:
        for now in range(5):
            await asyncio.gather(
                one.claim("s", keys, now=float(now), since=0.0), other.claim("s", keys[::-1], now=float(now), since=0.0)
            )
            await asyncio.gather(one.commit("s", keys, now=float(now)), other.commit("s", keys[::-1], now=float(now)))
        assert all(await one.claim("s", keys, now=9.0, since=0.0))


async def test_server_that_restarts_is_waited_for_and_nothing_is_lost(own_postgresql: PostgreSql) -> None:
    async with opened(own_postgresql.new_database()) as store:
        await store.set_marks("s", {"before": "x"})
        queue, idle = store.queue("q"), store.queue("idle")
        await queue.put([Message("1", b""), Message("2", b"")])
        [first] = await queue.read(1)
        waiting = asyncio.create_task(idle.read(1))
        await asyncio.wait({waiting}, timeout=0.05)
        own_postgresql.stop()
        with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{own_postgresql.port}/test-.* does not answer"):
            await store.set_marks("s", {"while": "x"})
        with pytest.raises(Unavailable):
            await queue.settle(settled([first]))
        with pytest.raises(NotReady):
            await queue.read(1)
        with pytest.raises(NotReady):
            await asyncio.wait_for(waiting, 10)
        own_postgresql.start()
        await queue.settle(settled([first]))
        [second] = await queue.read(10)
        assert second.id == "2"
        await store.set_marks("s", {"after": "x"})
        assert await store.marks("s") == {"before": "x", "after": "x"}


async def test_server_that_has_restarted_makes_nothing_fail(own_postgresql: PostgreSql) -> None:
    async with opened(own_postgresql.new_database()) as store:
        await asyncio.gather(*(store.marks("s") for _ in range(20)))  # all connections are open
        own_postgresql.stop()
        own_postgresql.start()
        await asyncio.gather(*(store.marks("s") for _ in range(20)))


async def test_server_that_has_become_read_only_is_waited_for(url: str) -> None:
    async with opened(url) as store:
        name = url.rpartition("/")[2]
        execute(url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    read_only = PostgresStore(url, SystemClock())
    with pytest.raises(NotReady, match="read-only"):
        await read_only.open()
    execute(url + "?options=-cdefault_transaction_read_only%3Doff", f'ALTER DATABASE "{name}" RESET ALL')
    async with opened(url) as store:
        await store.set_marks("s", {"1": "x"})


async def test_server_that_is_not_there_is_waited_for() -> None:
    [port] = free_ports(1)
    with pytest.raises(NotReady, match=rf"PostgreSQL at 127\.0\.0\.1:{port}/x does not answer") as caught:
        async with opened(f"postgresql://me:secret@127.0.0.1:{port}/x"):
            pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://:secret@[/x", "postgresql://me:secret@h/x?colour=red"])
def test_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(DefinitionError, match="write it like postgresql://user@localhost:5432/jackfield") as caught:
        PostgresStore(url, SystemClock())
    assert "secret" not in str(caught.value)


async def test_database_that_is_not_there_is_refused_with_what_to_do(postgresql: PostgreSql) -> None:
    error = await refused(postgresql.url.rpartition("/")[0] + "/nowhere")
    assert 'database "nowhere" does not exist' in str(error)
    assert "createdb" in error.hint


async def test_user_that_is_not_there_is_refused_with_what_to_do(url: str) -> None:
    error = await refused(url.replace("postgres@", "nobody:secret@"))
    assert 'role "nobody" does not exist' in str(error)
    assert "check the user" in error.hint


async def test_wrong_password_is_refused_with_what_to_do(own_postgresql: PostgreSql) -> None:
    own_postgresql.require_passwords("right")
    wrong = own_postgresql.url.replace("postgres@", "postgres:secret@")
    error = await refused(wrong)
    assert "password authentication failed" in str(error)
    assert "check the user" in error.hint
    assert "check the user" in (await refused(own_postgresql.url)).hint  # none is given
    async with opened(wrong.replace("secret", "right")):
        pass


async def test_user_without_rights_is_refused_with_what_to_do(url: str) -> None:
    error = await refused(role(url, "without_rights"))
    assert "permission denied" in str(error)
    assert "must own the schema" in error.hint


async def test_user_who_may_use_the_schema_need_not_be_allowed_to_make_one(url: str) -> None:
    async with opened(url):
        pass
    limited = role(url, "limited")
    execute(
        url,
        "GRANT USAGE ON SCHEMA jackfield TO limited",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jackfield TO limited",
    )
    async with opened(limited) as store:
        await store.queue("q").put([Message("1", b"")])
        assert len(await store.queue("q").read(1)) == 1


async def test_store_that_must_exist_is_not_made(url: str) -> None:
    error = await refused(url, must_exist=True)
    assert "there is no store in 127.0.0.1:" in str(error)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regnamespace('jackfield')").fetchall() == [(None,)]


async def test_schema_of_a_later_version_is_refused(url: str) -> None:
    async with opened(url):
        pass
    execute(url, "UPDATE jackfield.version SET version = 1000")
    assert "later version of Jackfield" in str(await refused(url))


async def test_backup_names_the_tool_that_does_it(url: str) -> None:
    async with opened(url) as store:
        with pytest.raises(DefinitionError, match=r"pg_dump --schema=jackfield --format=custom --file=monday\.db"):
            await store.backup("monday.db")


async def test_stats_tell_queues_by_their_kind_and_the_size_of_the_tables(url: str) -> None:
    async with opened(url) as store:
        await store.queue("replay/orders").put([Message("1", b"")])
        await store.queue("replay/payments").put([Message("1", b"")])
        await store.queue("webhook").put([Message("1", b"")])
        held = await store.stats()
    assert (held["replayed messages"], held["spooled messages"]) == (2, 1)
    assert held["table bytes"] > 8192


async def test_every_method_raises_unavailable_while_the_server_does_not_answer(own_postgresql: PostgreSql) -> None:
    async with opened(own_postgresql.new_database()) as store:
        own_postgresql.stop()
        calls = [
            store.marks("s"),
            store.drop_marks("s", ["1"]),
            store.add_dead_letters([letter("1")]),
            store.dead_letters(),
            store.dead_letter("1"),
            store.change_dead_letter(letter("1")),
            store.remove_dead_letters(["1"]),
            store.resend(["1"], "q", [Message("1", b"")], {}),
            store.count_dead_letters(),
            store.claim("s", ["1"], now=1.0, since=0.0),
            store.commit("s", ["1"], now=1.0),
            store.sweep("s", before=1.0, most=1),
            store.stats(),
            store.queue("q").put([Message("1", b"")]),
        ]
        for call in calls:
            with pytest.raises(Unavailable):
                await call
        own_postgresql.start()
