"""A topic as an input: a consumer group reads a stream, and what a consumer leaves behind is claimed by another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Sequence
from typing import Literal
from uuid import uuid4

from bindings.contract import Clock, Outcome, Received, Settled, Subscription
from bindings.redis.connection import RedisConnection
from bindings.redis.failure import FAILURES
from bindings.redis.message import received
from bindings.redis.metadata import RedisPubSubMetadata
from bindings.redis.scripts import Script
from engine.errors import DefinitionError, JackfieldError

_BLOCK = 5.0  # seconds: a read that waits asks again so often, and so finds out that a silent server is gone
_PARTING = 2.0  # seconds that a close may take to give back what it holds
_SHORTEST_BEAT = 0.05  # seconds between two signs of life
_RUN = 1000  # ids of one command
# What is given back was last delivered in 1970: by its idle time everybody sees that it is free, Dapr's consumers too.
_GIVEN_BACK = 10 * 365 * 86_400 * 1000  # milliseconds that nothing is idle for by itself
_GONE = 86_400 * 1000  # milliseconds after which a consumer that has nothing pending is forgotten
_PREFIX = "jackfield-"

# A consumer is deleted together with what is pending for it, so only one that has nothing may be.
_FORGET = Script("""
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return 0
""")


class RedisTopic:
    """Each has a consumer name of its own, so that it knows what is pending for it and nobody else.

    While it works on messages it says so, by claiming them for itself anew; another consumer takes what has been idle
    for `processingTimeout`. What it gives back belongs to the consumer that has the group's name, as all of Dapr's.
    """

    redelivery: Literal["native"] = "native"

    def __init__(
        self,
        metadata: RedisPubSubMetadata,
        name: str,
        connection: RedisConnection,
        subscription: Subscription,
        clock: Clock,
    ) -> None:
        self._topic = subscription.topic
        self._group = subscription.consumer
        self._consumer = f"{_PREFIX}{socket.gethostname()}-{uuid4().hex[:12]}"
        self._depth = metadata.queue_depth
        redelivers = bool(metadata.processing_timeout and metadata.redeliver_interval)
        self._idle = max(1, int(metadata.processing_timeout * 1000)) if redelivers else _GIVEN_BACK
        self._interval = metadata.redeliver_interval if redelivers else 0.0
        self._clock = clock
        self._commands = connection
        self._reader = RedisConnection(metadata, name, blocks=_BLOCK)
        self._ready: deque[Received] = deque()
        self._held: set[str] = set()  # ids of all that was read and is not settled
        self._life = 0  # counts the opens: what was given out in an earlier one was given back since
        self._reading: asyncio.Task[None] | None = None
        self._claiming: asyncio.Task[None] | None = None
        self._claim_from = "0-0"
        self._claim_is_due = False
        self._woken: asyncio.Future[None]  # a read that waits, for a claim that has become due
        self._upkeep: list[asyncio.Task[None]] = []
        self._owning = asyncio.Lock()  # a sign of life must not take back what is given back meanwhile

    async def open(self) -> None:
        self._life += 1
        await self._reader.open()
        try:
            await self._make_group()
            await self._give_back_all()  # what a connection that broke has left
            await self._forget_the_gone()
        except FAILURES as error:
            raise self._of_reading(error) from error
        self._woken = asyncio.get_running_loop().create_future()
        self._claim_soon()
        if self._interval:
            self._upkeep = [asyncio.create_task(self._remind()), asyncio.create_task(self._keep())]

    async def read(self, limit: int) -> Sequence[Received]:
        while True:
            while self._ready:
                if batch := self._take(limit):
                    return batch
            await self._fetch(limit)

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Done is done, also for a message that was given back since; raises an `EventError`."""
        done = [one.received.id for one in settled if one.outcome is not Outcome.RELEASED]
        back = [one.received for one in settled if one.outcome is Outcome.RELEASED]
        ids = [message.id for message in back if message.handle == self._life and message.id in self._held]
        try:
            if done:
                await self._commands.run("XACK", self._topic, self._group, *done)
                self._held.difference_update(done)
            if ids:
                async with self._owning:
                    await self._give_back(ids)
                    self._held.difference_update(ids)
        except FAILURES as error:
            raise self._commands.of_operation(error) from error
        if ids:
            self._claim_soon()

    async def close(self) -> None:
        tasks = [task for task in (self._reading, self._claiming, *self._upkeep) if task is not None]
        for task in tasks:
            task.cancel()
        await self._reader.close()  # or a read whose cancellation the client has lost would go on
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reading = self._claiming = None
        self._upkeep = []
        if self._life:
            with contextlib.suppress(*FAILURES):  # then it is given back at the next open, or after a while
                async with asyncio.timeout(_PARTING):
                    await self._give_back_all()
                    await self._forget(self._consumer)
        self._ready.clear()
        self._held.clear()

    # Reading

    def _take(self, limit: int) -> list[Received]:
        """Leaves out what was settled since it was claimed: its first delivery is done."""
        batch = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        return [message for message in batch if message.id in self._held]

    async def _fetch(self, limit: int) -> None:
        """Returns when there may be something. A call that is cancelled leaves its tasks to the next one."""
        if self._claim_is_due and self._claiming is None:
            self._claim_is_due = False
            self._claiming = asyncio.create_task(self._claim(min(limit, self._depth)))
        if self._claiming is not None:
            await asyncio.wait({self._claiming})
            task, self._claiming = self._claiming, None
            return task.result()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_new(min(limit, self._depth)))
        if self._woken.done():
            self._woken = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._reading, self._woken}, return_when=asyncio.FIRST_COMPLETED)
        if self._reading.done():
            task, self._reading = self._reading, None
            task.result()
        return None

    async def _read_new(self, count: int) -> None:
        group = ("GROUP", self._group, self._consumer, "COUNT", count, "BLOCK", int(_BLOCK * 1000))
        try:
            answer = await self._reader.run("XREADGROUP", *group, "STREAMS", self._topic, ">")
        except FAILURES as error:
            raise self._of_reading(error) from error
        if answer:
            topic, life = self._topic, self._life
            messages = [received(topic, entry, 1, life) for entry in answer[0][1]]
            self._held.update([message.id for message in messages])
            self._ready.extend(messages)

    async def _claim(self, count: int) -> None:
        """What is idle for too long, or was given back; one run of it, and the rest with the next call."""
        start = ("XAUTOCLAIM", self._topic, self._group, self._consumer, self._idle, self._claim_from)
        try:
            cursor, found, *_ = await self._commands.run(*start, "COUNT", count)
            entries = [entry for entry in found if entry and entry[1] and entry[0].decode() not in self._held]
            about = ("XPENDING", self._topic, self._group)
            pending = await self._commands.run_all([[*about, id, id, 1] for id, _ in entries])
        except FAILURES as error:
            raise self._of_reading(error) from error
        for entry, answer in zip(entries, pending, strict=True):
            attempt = answer[0][3] if isinstance(answer, list) and answer else 1
            message = received(self._topic, entry, attempt, self._life)
            self._held.add(message.id)
            self._ready.append(message)
        self._claim_from = cursor.decode()
        if self._claim_from != "0-0":
            self._claim_soon()

    def _claim_soon(self) -> None:
        self._claim_is_due = True
        if not self._woken.done():
            self._woken.set_result(None)

    # The group and what is pending

    async def _make_group(self) -> None:
        try:
            await self._commands.run("XGROUP", "CREATE", self._topic, self._group, "0", "MKSTREAM")
        except FAILURES as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _give_back_all(self) -> None:
        about = ("XPENDING", self._topic, self._group, "-", "+", _RUN, self._consumer)
        while pending := await self._commands.run(*about):
            await self._give_back([entry[0] for entry in pending])

    async def _give_back(self, ids: Sequence[bytes | str]) -> None:
        """Its count of deliveries stays."""
        for start in range(0, len(ids), _RUN):
            run = ids[start : start + _RUN]
            await self._commands.run("XCLAIM", self._topic, self._group, self._group, 0, *run, "TIME", 0, "JUSTID")

    async def _forget_the_gone(self) -> None:
        for facts in await self._commands.run("XINFO", "CONSUMERS", self._topic, self._group):
            consumer = dict(zip(facts[::2], facts[1::2], strict=True))
            name = consumer[b"name"].decode(errors="replace")
            if name.startswith(_PREFIX) and not consumer[b"pending"] and consumer[b"idle"] > _GONE:
                await self._forget(name)

    async def _forget(self, consumer: str) -> None:
        await _FORGET.run(self._commands, [_FORGET.call([self._topic], [self._group, consumer])])

    async def _remind(self) -> None:
        while True:
            await self._clock.sleep(self._interval)
            self._claim_soon()

    async def _keep(self) -> None:
        """Says that the messages that it holds are worked on. When that fails, the reading says why."""
        while True:
            await self._clock.sleep(max(self._idle / 3000, _SHORTEST_BEAT))
            with contextlib.suppress(*FAILURES):
                async with self._owning:
                    await self._claim_anew(list(self._held))

    async def _claim_anew(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), _RUN):
            run = ids[start : start + _RUN]
            await self._commands.run("XCLAIM", self._topic, self._group, self._consumer, 0, *run, "JUSTID")

    def _of_reading(self, error: BaseException) -> JackfieldError:
        if str(error).startswith(("NOGROUP", "UNBLOCKED")):
            return self._reader.of_opening(ConnectionError(f"the group {self._group} of {self._topic} is gone"))
        if "unknown command" in str(error):
            return DefinitionError(f"Redis at {self._reader.shown} is too old for this", hint="use 6.2 or newer")
        return self._reader.of_opening(error)
