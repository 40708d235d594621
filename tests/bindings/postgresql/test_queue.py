from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
import pytest

from bindings.contract import Outcome, Received
from bindings.postgresql.arrivals import Arrivals
from bindings.postgresql.queue import PostgresQueue
from bindings.postgresql.server import Server
from bindings.store import Message
from engine.clock import SystemClock, VirtualClock
from engine.errors import Unavailable
from tests.bindings.conformance import settled
from tests.bindings.postgresql.server import PostgreSql


@dataclass
class Engine:
    """What the queues of one engine share."""

    server: Server
    arrivals: Arrivals
    clock: SystemClock | VirtualClock

    def queue(self, visibility: float = 30.0) -> PostgresQueue:
        return PostgresQueue(self.server, self.arrivals, "q", self.clock, visibility)

    async def die(self) -> None:
        """As by SIGKILL: its connections go, and nothing is given back."""
        await self.arrivals.close()
        await self.server.close()


@asynccontextmanager
async def engine(url: str, clock: SystemClock | VirtualClock) -> AsyncIterator[Engine]:
    server = Server(url)
    await server.open(must_exist=False)
    engine = Engine(server, Arrivals(server, clock), clock)
    yield engine
    await engine.die()


@pytest.fixture
def url(postgresql: PostgreSql) -> str:
    return postgresql.new_database()


@pytest.fixture
async def one(url: str) -> AsyncIterator[Engine]:
    async with engine(url, SystemClock()) as one:
        yield one


@pytest.fixture
async def other(url: str) -> AsyncIterator[Engine]:
    async with engine(url, SystemClock()) as other:
        yield other


def messages(*ids: str) -> Sequence[Message]:
    return [Message(id, id.encode()) for id in ids]


def ids(received: Sequence[Received]) -> list[str]:
    return [message.id for message in received]


async def read(queue: PostgresQueue, limit: int = 10) -> Sequence[Received]:
    return await asyncio.wait_for(queue.read(limit), 10)


async def gives_nothing(queue: PostgresQueue, seconds: float = 0.3) -> bool:
    reading = asyncio.create_task(queue.read(10))
    done, _ = await asyncio.wait({reading}, timeout=seconds)
    reading.cancel()
    await asyncio.wait({reading})
    return not done


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.01)


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        return await (await connection.execute(query.encode())).fetchall()


async def waits_for_a_lock(url: str) -> bool:
    return bool(await rows(url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


async def test_read_that_waits_sees_what_another_engine_adds(one: Engine, other: Engine) -> None:
    reading = asyncio.create_task(one.queue().read(10))
    await asyncio.wait({reading}, timeout=0.05)
    await other.queue().put(messages("1"))
    assert ids(await asyncio.wait_for(reading, 10)) == ["1"]


async def test_engines_that_read_at_once_share_and_wait_for_nothing(one: Engine, other: Engine) -> None:
    await one.queue().put(messages(*map(str, range(200))))
    queues = [engine.queue() for engine in (one, other) for _ in range(4)]
    received = await asyncio.gather(*(read(queue, 25) for queue in queues))
    assert sorted(id for batch in received for id in ids(batch)) == sorted(map(str, range(200)))


async def test_claims_of_an_engine_that_died_are_given_to_another(url: str, other: Engine) -> None:
    async with engine(url, VirtualClock()) as one:  # its clock stands still: it renews nothing
        dying = one.queue(visibility=0.3)
        await dying.put(messages("1"))
        [lost] = await read(dying)
    [given] = await read(other.queue())
    assert (lost.attempt, given.id, given.attempt) == (1, "1", 2)


async def test_claims_of_an_engine_that_lives_are_not_given_to_another(one: Engine, other: Engine) -> None:
    slow = one.queue(visibility=0.3)
    await slow.put(messages("1"))
    received = await read(slow)
    assert await gives_nothing(other.queue(), 1.0)
    await slow.settle(settled(received, Outcome.RELEASED))
    await slow.close()
    assert ids(await read(other.queue())) == ["1"]


async def test_claims_are_free_at_once_when_no_other_engine_lives(url: str) -> None:
    async with engine(url, SystemClock()) as dead:
        await dead.queue().put(messages("1", "2", "3"))
        await read(dead.queue(), 2)
    async with engine(url, SystemClock()) as next:
        received = await read(next.queue())
    assert [(message.id, message.attempt) for message in received] == [("1", 2), ("2", 2), ("3", 1)]


async def test_engine_that_starts_leaves_the_claims_of_one_that_lives(url: str, one: Engine) -> None:
    await one.queue().put(messages("1"))
    await read(one.queue())
    async with engine(url, SystemClock()) as next:
        assert await gives_nothing(next.queue())


async def test_settlement_of_what_another_engine_has_now_is_ignored(url: str, one: Engine, other: Engine) -> None:
    hung, second = one.queue(), other.queue()
    await hung.put(messages("1", "2"))
    [first, released] = await read(hung)
    await rows(url, "UPDATE jackfield.messages SET visible_at = now() RETURNING 1")  # the server's clock jumps
    taken_over = await read(second)
    await hung.settle([*settled([first]), *settled([released], Outcome.RELEASED)])
    assert await gives_nothing(one.queue())
    await hung.close()
    await second.settle(settled(taken_over, Outcome.RELEASED))
    assert [message.attempt for message in await read(second)] == [3, 3]


async def test_reader_is_not_given_what_it_holds_when_the_clock_of_the_server_jumps(url: str, one: Engine) -> None:
    queue = one.queue()
    await queue.put(messages("1"))
    received = await read(queue)
    await rows(url, "UPDATE jackfield.messages SET visible_at = now() RETURNING 1")
    await queue.put(messages("2"))
    assert ids(await read(queue)) == ["2"]
    await queue.settle(settled(received, Outcome.RELEASED))
    assert ids(await read(queue)) == ["1"]


async def test_many_messages_keep_their_order(one: Engine) -> None:
    queue = one.queue()
    expected = [str(number) for number in range(1000)]
    await queue.put(messages(*expected))
    received: list[str] = []
    while len(received) < 1000:
        received += ids(await read(queue, 64))
    assert received == expected


async def test_released_messages_come_before_new_ones(one: Engine) -> None:
    queue = one.queue()
    await queue.put(messages("1", "2", "3", "4"))
    await queue.settle(settled(await read(queue, 2), Outcome.RELEASED))
    assert [(message.id, message.attempt) for message in await read(queue, 3)] == [("1", 2), ("2", 2), ("3", 1)]


async def test_batch_of_large_messages_ends_early_and_nothing_is_left_out(one: Engine) -> None:
    queue = one.queue()
    large = b"x" * 20_000_000
    await queue.put([Message(str(number), large) for number in range(3)])
    await queue.put(messages("3"))
    assert ids(await read(queue)) == ["0", "1"]
    [last_large, small] = await read(queue)
    assert last_large.data == large
    assert (small.id, small.attempt) == ("3", 1)


async def test_id_that_the_queue_holds_is_not_added_again(one: Engine) -> None:
    queue = one.queue()
    await queue.put([Message("1", b"first"), Message("1", b"second")])
    [message] = await read(queue)
    await queue.put([Message("1", b"third")])
    await queue.settle(settled([message]))
    await queue.put([Message("1", b"fourth")])
    [again] = await read(queue)
    assert (message.data, again.data) == (b"first", b"fourth")
    await queue.put([])


async def test_read_that_is_cancelled_while_it_claims_comes_before_what_is_read_next(url: str, one: Engine) -> None:
    queue = one.queue()
    await queue.put(messages("1", "2"))
    async with await psycopg.AsyncConnection.connect(url) as blocking:
        await blocking.execute("LOCK TABLE jackfield.messages IN EXCLUSIVE MODE")
        reading = asyncio.create_task(queue.read(1))
        await until(lambda: waits_for_a_lock(url))
        reading.cancel()
        await asyncio.wait({reading})
        next = asyncio.create_task(read(queue, 1))
        await blocking.rollback()
    assert reading.cancelled()
    assert [(message.id, message.attempt) for message in await next] == [("1", 1)]


async def test_read_that_is_cancelled_while_it_claims_is_undone_by_close(url: str, one: Engine, other: Engine) -> None:
    queue = one.queue()
    await queue.put(messages("1"))
    async with await psycopg.AsyncConnection.connect(url) as blocking:
        await blocking.execute("LOCK TABLE jackfield.messages IN EXCLUSIVE MODE")
        reading = asyncio.create_task(queue.read(1))
        await until(lambda: waits_for_a_lock(url))
        reading.cancel()
        await asyncio.wait({reading})
        closing = asyncio.gather(queue.close(), queue.close())
        await asyncio.wait({closing}, timeout=0.05)
        await blocking.rollback()
    await closing
    [given] = await read(other.queue())
    assert (given.id, given.attempt) == ("1", 1)


async def test_release_is_not_undone_by_a_renewal_under_way(url: str) -> None:
    clock = VirtualClock()
    async with engine(url, clock) as one:
        queue = one.queue()
        await queue.put(messages("1"))
        received = await read(queue)
        async with await psycopg.AsyncConnection.connect(url) as blocking:
            await blocking.execute("SELECT 1 FROM jackfield.messages FOR UPDATE")
            await clock.advance(10)
            await until(lambda: waits_for_a_lock(url))  # the renewal
            await blocking.execute("UPDATE jackfield.messages SET visible_at = '-infinity'")  # a release before it
        await queue.settle(settled(received, Outcome.RELEASED))
        [(visible_at,)] = await rows(url, "SELECT visible_at::text FROM jackfield.messages")
    assert visible_at == "-infinity"


async def test_settlement_that_is_cancelled_is_given_back_by_close(url: str, one: Engine, other: Engine) -> None:
    queue = one.queue()
    await queue.put(messages("1"))
    received = await read(queue)
    async with await psycopg.AsyncConnection.connect(url) as blocking:
        await blocking.execute("LOCK TABLE jackfield.messages IN EXCLUSIVE MODE")
        settling = asyncio.create_task(queue.settle(settled(received)))
        await until(lambda: waits_for_a_lock(url))
        settling.cancel()
        await asyncio.wait({settling})
    await queue.close()
    assert ids(await read(other.queue())) == ["1"]


async def test_thousand_queues_share_eight_connections(url: str, one: Engine) -> None:
    queues = [PostgresQueue(one.server, one.arrivals, str(number), one.clock) for number in range(1000)]
    reading = [asyncio.create_task(queue.read(1)) for queue in queues]
    await asyncio.wait(reading, timeout=0.1)
    await asyncio.gather(*(queue.put(messages("1")) for queue in queues))
    assert all(ids(received) == ["1"] for received in await asyncio.wait_for(asyncio.gather(*reading), 30))
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'jackfield' AND datname = current_database()"
    )
    assert await rows(url, count) == [(8,)]
    await asyncio.gather(*(queue.close() for queue in queues))


async def test_nobody_looks_when_nobody_waits(one: Engine) -> None:
    assert await gives_nothing(one.queue())
    looking = [task for task in asyncio.all_tasks() if "Arrivals._look" in str(task.get_coro())]
    await asyncio.wait_for(asyncio.gather(*looking), 5)
    await one.queue().put(messages("1"))
    assert ids(await read(one.queue())) == ["1"]


async def test_what_close_could_not_give_back_comes_first_to_the_next_reader(own_postgresql: PostgreSql) -> None:
    async with engine(own_postgresql.new_database(), SystemClock()) as one:
        old, new = one.queue(), one.queue()  # as when the engine opens an input again
        await old.put(messages("1", "2"))
        await read(old, 1)
        own_postgresql.stop()
        await old.close()
        with pytest.raises(Unavailable):
            await new.put(messages("3"))
        own_postgresql.start()
        assert ids(await read(new)) == ["1", "2"]
