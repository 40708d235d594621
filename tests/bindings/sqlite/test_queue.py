from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bindings.contract import Outcome, Received
from bindings.sqlite import messages as sql
from bindings.sqlite.database import Database
from bindings.sqlite.queue import SqliteQueue, rows_of
from bindings.store import Message
from engine.clock import VirtualClock
from engine.errors import NotReady, Unavailable
from engine.event import Attribute
from tests.bindings.conformance import settled
from tests.bindings.sqlite.gate import held


def messages(*ids: str) -> Sequence[Message]:
    return [Message(id, id.encode()) for id in ids]


def ids(received: Sequence[Received]) -> list[str]:
    return [message.id for message in received]


async def gives_nothing(queue: SqliteQueue) -> bool:
    reading = asyncio.create_task(queue.read(10))
    done, _ = await asyncio.wait({reading}, timeout=0.05)
    reading.cancel()
    await asyncio.wait({reading})
    return not done


async def test_message_comes_out_as_it_went_in(database: Database) -> None:
    queue = SqliteQueue(database, "a", VirtualClock())
    attributes: dict[str, Attribute] = {"subject": "Grüße \ud800 ✓", "count": 2**31 - 1, "flag": True}
    await queue.put([Message("1", b"\0\xff", attributes, {"key": 'a"b'}), Message("2", None), Message("3", b"")])
    first, second, third = await queue.read(10)
    assert (first.id, first.data, first.attributes, first.metadata) == ("1", b"\0\xff", attributes, {"key": 'a"b'})
    assert (second.id, second.data, second.attributes, second.metadata) == ("2", None, {}, {})
    assert third.data == b""


async def test_queues_of_one_file_are_apart(database: Database) -> None:
    one, other = (SqliteQueue(database, name, VirtualClock()) for name in ("one", "other"))
    await one.put(messages("1"))
    await other.put(messages("1", "2"))
    assert ids(await one.read(10)) == ["1"]
    assert ids(await other.read(10)) == ["1", "2"]


async def test_id_that_the_queue_holds_is_not_added_again(database: Database) -> None:
    queue = SqliteQueue(database, "a", VirtualClock())
    await queue.put([Message("1", b"first"), Message("1", b"second")])
    [message] = await queue.read(10)
    await queue.put([Message("1", b"third")])
    await queue.settle(settled([message]))
    await queue.put([Message("1", b"fourth")])
    [again] = await queue.read(10)
    assert (message.data, again.data) == (b"first", b"fourth")


async def test_many_messages_keep_their_order(database: Database) -> None:
    queue = SqliteQueue(database, "a", VirtualClock())
    expected = [str(number) for number in range(1000)]
    await queue.put(messages(*expected))
    received: list[str] = []
    while len(received) < 1000:
        received += ids(await queue.read(64))
    assert received == expected


async def test_released_messages_come_before_new_ones(database: Database) -> None:
    queue = SqliteQueue(database, "a", VirtualClock())
    await queue.put(messages("1", "2", "3", "4"))
    taken = await queue.read(2)
    await queue.settle(settled(taken, Outcome.RELEASED))
    assert [(message.id, message.attempt) for message in await queue.read(3)] == [("1", 2), ("2", 2), ("3", 1)]
    assert ids(await queue.read(3)) == ["4"]


async def test_batch_of_large_messages_ends_early_and_nothing_is_left_out(database: Database) -> None:
    queue = SqliteQueue(database, "a", VirtualClock())
    large = b"x" * 20_000_000
    await queue.put([Message(str(number), large) for number in range(3)])
    await queue.put(messages("3"))
    assert ids(await queue.read(10)) == ["0", "1"]
    [last_large, small] = await queue.read(10)
    assert last_large.data == large
    assert small.id == "3"


async def test_delayed_message_comes_when_its_time_has_come(database: Database) -> None:
    clock = VirtualClock()
    queue = SqliteQueue(database, "a", clock)
    await queue.put(messages("later"), delay=60)
    await queue.put(messages("now"))
    assert ids(await queue.read(10)) == ["now"]
    assert await gives_nothing(queue)
    await clock.advance(60)
    [message] = await queue.read(10)
    assert (message.id, message.attempt) == ("later", 1)


async def test_delay_does_not_touch_a_message_that_is_there(database: Database) -> None:
    queue = SqliteQueue(database, "a", VirtualClock())
    await queue.put(messages("1"))
    await queue.put(messages("1", "2"), delay=60)
    assert ids(await queue.read(10)) == ["1"]


async def test_waiting_read_sees_a_put_at_once(database: Database) -> None:
    clock = VirtualClock()  # it stands still, so that no poll can help
    reader, writer = SqliteQueue(database, "a", clock), SqliteQueue(database, "a", clock)
    reading = asyncio.create_task(reader.read(10))
    await asyncio.wait({reading}, timeout=0.05)
    await writer.put(messages("1"))
    assert ids(await reading) == ["1"]


async def test_waiting_read_sees_what_nobody_announces_at_the_next_poll(database: Database) -> None:
    clock = VirtualClock()
    queue = SqliteQueue(database, "a", clock)
    await queue.put(messages("1"), delay=1)
    reading = asyncio.create_task(queue.read(10))
    while not reading.done():
        await clock.advance(0.1)
        await asyncio.wait({reading}, timeout=0.01)
    assert ids(await reading) == ["1"]


async def test_claim_that_expired_goes_to_a_reader_of_another_process_and_is_lost_to_the_first(
    database: Database,
) -> None:
    # By another path it is another connection, with nothing in common.
    other = await Database.acquire(database.path.parent / "." / ".." / database.path.parent.name / database.path.name)
    assert other is not database
    first, second = SqliteQueue(database, "a", VirtualClock(1000)), SqliteQueue(other, "a", VirtualClock(1031))
    await first.put(messages("1"))
    [hung] = await first.read(10)
    [taken_over] = await second.read(10)
    assert (taken_over.id, taken_over.attempt) == ("1", 2)
    await first.settle(settled([hung]))
    await second.settle(settled([taken_over], Outcome.RELEASED))
    assert [message.attempt for message in await second.read(10)] == [3]
    await other.release()


async def test_clock_that_jumps_gives_nothing_that_a_reader_of_this_process_holds_to_another(
    database: Database,
) -> None:
    clock = VirtualClock()
    old, new = (SqliteQueue(database, "a", clock) for _ in range(2))  # as at a reload
    await old.put(messages("1", "2"))
    await old.read(1)
    clock.set(3600)
    assert ids(await new.read(10)) == ["2"]
    await old.close()
    assert ids(await new.read(10)) == ["1"]


async def test_reader_is_not_given_what_it_holds_when_the_machine_was_suspended(database: Database) -> None:
    clock = VirtualClock()
    queue = SqliteQueue(database, "a", clock)
    await queue.put(messages("1"))
    [message] = await queue.read(10)
    clock.set(3600)
    await queue.put(messages("2"))
    assert ids(await queue.read(10)) == ["2"]
    await queue.settle(settled([message], Outcome.RELEASED))
    assert ids(await queue.read(10)) == ["1"]


async def test_claim_is_renewed_while_its_reader_lives(database: Database) -> None:
    clock = VirtualClock(1000)
    slow = SqliteQueue(database, "a", clock, visibility=30)
    await slow.put(messages("1"))
    [message] = await slow.read(10)
    for _ in range(10):
        await clock.advance(10)
        async with held(database):
            pass  # the renewal was written before
    assert await gives_nothing(SqliteQueue(database, "a", VirtualClock(clock.now() + 29)))
    await slow.settle(settled([message]))
    assert await gives_nothing(SqliteQueue(database, "a", VirtualClock(clock.now() + 31)))


async def test_release_is_not_undone_by_a_renewal_of_the_claim(database: Database) -> None:
    clock = VirtualClock()
    first, second = (SqliteQueue(database, "a", clock) for _ in range(2))
    await first.put(messages("1"))
    received = await first.read(10)
    async with held(database):
        releasing = asyncio.create_task(first.settle(settled(received, Outcome.RELEASED)))
        await clock.advance(10)
    await releasing
    assert ids(await second.read(10)) == ["1"]


async def test_close_gives_back_what_is_not_settled(database: Database) -> None:
    first, second = (SqliteQueue(database, "a", VirtualClock()) for _ in range(2))
    await first.put(messages("1", "2"))
    await first.settle(settled((await first.read(10))[:1]))
    await first.close()
    assert ids(await second.read(10)) == ["2"]


async def test_what_close_could_not_give_back_comes_first_to_the_next_reader(database: Database) -> None:
    old, new = (SqliteQueue(database, "a", VirtualClock()) for _ in range(2))  # as at a reload on a full disk
    await old.put(messages("1", "2"))
    await old.read(1)
    await database.write(lambda connection: connection.execute("PRAGMA busy_timeout = 0"))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await old.close()
        with pytest.raises(NotReady):
            await new.read(10)
    assert ids(await new.read(10)) == ["1", "2"]
    assert await gives_nothing(new)


async def test_settlement_that_is_cancelled_and_fails_is_given_back_by_close(database: Database) -> None:
    old, new = (SqliteQueue(database, "a", VirtualClock()) for _ in range(2))
    await old.put(messages("1", "2"))
    received = await old.read(1)
    await database.write(lambda connection: connection.execute("PRAGMA busy_timeout = 0"))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        settling = asyncio.create_task(old.settle(settled(received, Outcome.RELEASED)))
        await asyncio.sleep(0)
        settling.cancel()
        await asyncio.wait({settling})
        with pytest.raises(Unavailable):
            await old.put(messages("3"))  # by then the settlement has failed, too
        await old.close()
    assert ids(await new.read(10)) == ["1", "2"]


async def test_claim_of_a_cancelled_read_is_undone(database: Database) -> None:
    first, second = (SqliteQueue(database, "a", VirtualClock()) for _ in range(2))
    await first.put(messages("1"))
    await first.settle(settled(await first.read(10), Outcome.RELEASED))
    async with held(database):
        reading = asyncio.create_task(first.read(10))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})
    assert [(message.id, message.attempt) for message in await second.read(10)] == [("1", 2)]


async def test_reader_that_follows_a_cancelled_read_gets_nothing_before_what_that_had_claimed(
    database: Database,
) -> None:
    first, second = (SqliteQueue(database, "a", VirtualClock()) for _ in range(2))
    await first.put(messages("1", "2"))
    await database.join_readers()
    async with held(database):
        reading = asyncio.create_task(first.read(1))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})
        following = asyncio.create_task(second.read(1))
        await asyncio.sleep(0)
    assert ids(await following) == ["1"]


async def test_claim_of_a_read_cancelled_before_close_is_undone(tmp_path: Path) -> None:
    database = await Database.acquire(tmp_path / "queues.db")
    queue = SqliteQueue(database, "a", VirtualClock())
    await queue.put(messages("1"))
    await queue.settle(settled(await queue.read(10), Outcome.RELEASED))
    async with held(database):
        reading = asyncio.create_task(queue.read(10))
        await asyncio.sleep(0)
        reading.cancel()
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(0)
    await closing
    await database.release()
    with sqlite3.connect(tmp_path / "queues.db") as connection:
        assert connection.execute("SELECT visible_at, deliveries FROM claims").fetchall() == [(0.0, 1)]
    connection.close()


async def test_queue_of_a_locked_file_says_so_and_goes_on_later(database: Database) -> None:
    queue = SqliteQueue(database, "a", VirtualClock())
    await queue.put(messages("1", "2"))
    received = await queue.read(1)
    await database.write(lambda connection: connection.execute("PRAGMA busy_timeout = 0"))
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await queue.put(messages("3"))
    with pytest.raises(Unavailable):
        await queue.settle(settled(received))
    with pytest.raises(NotReady):
        await queue.read(10)
    other.close()
    await queue.settle(settled(received))
    assert ids(await queue.read(10)) == ["2"]


async def test_every_statement_uses_an_index(database: Database) -> None:
    statements: list[str] = []
    await database.write(lambda connection: connection.set_trace_callback(statements.append))
    queue = SqliteQueue(database, "a", VirtualClock())
    await queue.put(messages("1", "2"))
    await queue.put(messages("3"), delay=1)
    first, second = await queue.read(10)
    await queue.settle(settled([first]))
    await queue.settle(settled([second], Outcome.RELEASED))
    await database.write(lambda connection: connection.set_trace_callback(None))
    plans = await database.read(lambda connection: [plan(connection, text) for text in statements])
    assert any("SEARCH claims" in text for text in plans)
    assert not [text for text in plans if "SCAN messages" in text or "SCAN claims" in text]


def plan(connection: sqlite3.Connection, statement: str) -> str:
    """How SQLite finds the rows; the one statement that looks at all claims is for the first reader of a file."""
    if statement.startswith(("BEGIN", "COMMIT", "PRAGMA", "--", "UPDATE claims SET visible_at = 0 WHERE visible_at")):
        return ""
    return "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))


async def test_claim_that_was_rolled_back_holds_nothing(database: Database) -> None:
    """As on a disk that gets full: what came and was claimed in one transaction is undone, and comes again later."""
    queue = SqliteQueue(database, "a", VirtualClock())
    assert await gives_nothing(queue)
    tries = 0

    def comes_once(connection: sqlite3.Connection) -> None:
        nonlocal tries
        tries += 1
        if tries > 1:
            raise sqlite3.OperationalError("database or disk is full")
        sql.put(connection, rows_of("a", messages("1")))

    def fails(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with held(database):
        writes = [database.write(comes_once)]
        reading = asyncio.create_task(queue.read(10))
        for _ in range(10):  # until it has claimed
            await asyncio.sleep(0)
        writes.append(database.write(fails))
    await asyncio.gather(*writes, return_exceptions=True)
    await queue.put(messages("1"))
    assert ids(await asyncio.wait_for(reading, 1)) == ["1"]
