"""Real processes that share one file, and some that are killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bindings.contract import Received
from bindings.sqlite.database import Database
from bindings.sqlite.queue import SqliteQueue
from bindings.store import Message
from engine.clock import SystemClock, VirtualClock
from tests.bindings.conformance import settled

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio, sys
from pathlib import Path
from bindings.contract import Outcome, Settled
from bindings.sqlite.database import Database
from bindings.sqlite.queue import SqliteQueue
from bindings.store import Message
from engine.clock import SystemClock

def say(text):
    print(text, flush=True)

async def main():
    database = await Database.acquire(Path(sys.argv[1]))
    source, target = (SqliteQueue(database, name, SystemClock()) for name in ("source", "target"))
{body}

asyncio.run(main())
"""
PUT = """
    for number in range(300):
        await source.put([Message(str(number), b"from another process")])
    await database.release()
"""
CLAIM = """
    await source.read(2)
    say("claimed")
    await asyncio.Event().wait()
"""
MOVE = """
    while True:
        received = await source.read(3)
        await target.put([Message(one.id, one.data) for one in received])
        await source.settle([Settled(one, Outcome.DONE) for one in received])
        say("moved")
"""


@asynccontextmanager
async def process(path: Path, body: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM.format(body=body), path),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def lines(started: asyncio.subprocess.Process, count: int) -> None:
    assert started.stdout
    for _ in range(count):
        assert await started.stdout.readline()


async def read_all(queue: SqliteQueue, count: int) -> list[Received]:
    received: list[Received] = []
    while len(received) < count:
        received += await queue.read(50)
    return received


async def test_messages_of_another_process_come_while_it_writes(database: Database) -> None:
    queue = SqliteQueue(database, "source", SystemClock())
    async with process(database.path, PUT) as writer:
        received = await read_all(queue, 300)
        await queue.settle(settled(received))
        assert await writer.wait() == 0
    await queue.close()
    assert [message.id for message in received] == [str(number) for number in range(300)]


async def test_claims_of_a_killed_process_are_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "queues.db"
    database = await Database.acquire(path)
    clock = VirtualClock(time.time())
    queue = SqliteQueue(database, "source", clock)
    await queue.put([Message("1", b""), Message("2", b"")])
    await queue.put([Message("delayed", b"")], delay=60)
    async with process(path, CLAIM) as reader:
        await lines(reader, 1)
    assert [(message.id, message.attempt) for message in await queue.read(10)] == [("1", 2), ("2", 2)]
    await queue.close()
    await database.release()


async def test_claims_of_a_process_that_lives_stay_until_they_expire(database: Database) -> None:
    clock = VirtualClock(time.time())
    queue = SqliteQueue(database, "source", clock)
    await queue.put([Message("1", b""), Message("2", b""), Message("3", b"")])
    async with process(database.path, CLAIM) as reader:
        await lines(reader, 1)
        [free] = await queue.read(10)
        assert free.id == "3"
    await clock.advance(31)
    assert [(message.id, message.attempt) for message in await queue.read(10)] == [("1", 2), ("2", 2)]


async def test_restart_does_not_free_the_claims_of_another_process_that_lives(tmp_path: Path) -> None:
    path = tmp_path / "queues.db"
    database = await Database.acquire(path)
    queue = SqliteQueue(database, "source", SystemClock())
    await queue.put([Message("0", b""), Message("1", b""), Message("2", b""), Message("3", b"")])
    await queue.settle(settled(await queue.read(1)))
    async with process(path, CLAIM) as reader:
        await lines(reader, 1)
        await queue.close()
        await database.release()
        database = await Database.acquire(path)
        queue = SqliteQueue(database, "source", SystemClock())
        assert [message.id for message in await queue.read(10)] == ["3"]
    await queue.close()
    await database.release()


async def test_kill_at_any_instant_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "queues.db"
    expected = {str(number) for number in range(200)}
    database = await Database.acquire(path)
    await SqliteQueue(database, "source", SystemClock()).put([Message(id, id.encode()) for id in expected])
    for batches in (1, 2, 5, 9):
        async with process(path, MOVE) as mover:
            await lines(mover, batches)
    queues = [SqliteQueue(database, name, SystemClock()) for name in ("source", "target")]
    found: set[str] = set()
    while found != expected:
        reads = [asyncio.create_task(queue.read(100)) for queue in queues]
        done, _ = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
        for reading in reads:
            reading.cancel()
        await asyncio.wait(reads)
        found |= {message.id for reading in done for message in reading.result()}
    for queue in queues:
        await queue.close()
    await database.release()
