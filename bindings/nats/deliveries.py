"""What a consumer gives out: asked for in batches, kept until it is read, and kept alive until it is settled."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Iterable, Sequence

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error

from bindings.contract import Clock
from bindings.nats.acknowledgements import IN_PROGRESS, acknowledge, status_of
from bindings.nats.connection import Link
from bindings.nats.consumer import Consumer
from engine.errors import EventError, NotReady

_EXPIRES = 10.0  # seconds after which the server forgets what it was asked for, and says so
_GRACE = 3.0  # seconds for it to say so
_OVER = ("404", "408")  # the statuses of a request that has ended as it should


class Deliveries:
    """Of one consumer over one connection."""

    def __init__(self, link: Link, consumer: Consumer, clock: Clock) -> None:
        self.problem = ""
        self._link = link
        self._consumer = consumer
        self._clock = clock
        self._inbox = link.client.new_inbox()
        self._ready: deque[Msg] = deque()
        self._held: set[str] = set()  # where those that are out are acknowledged
        self._arrived = asyncio.Event()
        self._asked = 0  # how many the server may still send for the last request
        self._until = 0.0
        self._subscription: Subscription
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._link.attach(self)
        subscribe = self._link.client.subscribe
        self._subscription = await subscribe(self._inbox, cb=self._arrive, pending_msgs_limit=0, pending_bytes_limit=0)
        self._keeper = asyncio.get_running_loop().create_task(self._keep_alive())

    async def take(self, limit: int) -> Sequence[Msg]:
        """Waits for at least one; raises `NotReady` when none can come any more. What came before the connection was
        lost is still good: it is acknowledged over the next one.
        """
        while not self._ready:
            if self.problem:
                raise NotReady(self.problem)
            self._arrived.clear()
            if not self._asked:
                await self._ask(limit)
            try:
                async with asyncio.timeout_at(self._until):
                    await self._arrived.wait()
            except TimeoutError:
                # Nobody answers for a consumer that is gone, nor while another server takes it over.
                self.broken(f"consumer {self._consumer.name} of stream {self._consumer.stream} does not answer")
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    def settled(self, replies: Iterable[str]) -> None:
        """The server need not be told any more that these are worked on."""
        self._held.difference_update(replies)

    async def stop(self) -> None:
        """Gives back what is not settled. Without a connection the server does so by itself, later."""
        self._link.detach(self)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._link.problem:
            return
        with contextlib.suppress(Error, EventError):
            await self._subscription.unsubscribe()
            if self.problem:
                return  # it is the consumer that is gone
            if self._held:
                # It makes the server forget the last request. Before version 2.10 it loses sight of a message that it
                # wants to send and finds nobody for, until `ackWait` is over.
                await self._link.jetstream.consumer_info(self._consumer.stream, self._consumer.name)
            await acknowledge(self._link, [], list(self._held))

    def broken(self, reason: str) -> None:
        self.problem = self.problem or reason
        self._arrived.set()

    async def _ask(self, count: int) -> None:
        self._asked, self._until = count, asyncio.get_running_loop().time() + _EXPIRES + _GRACE
        request = json.dumps({"batch": count, "expires": int(_EXPIRES * 1e9)}).encode()
        subject = f"{self._link.api}.CONSUMER.MSG.NEXT.{self._consumer.stream}.{self._consumer.name}"
        try:
            await self._link.client.publish(subject, request, self._inbox)
        except BaseException as error:
            self._asked = 0
            if isinstance(error, Error):
                raise NotReady(f"NATS: {error}") from error
            raise

    async def _arrive(self, message: Msg) -> None:
        status = status_of(message)
        if status == "":
            self._asked = max(0, self._asked - 1)
            self._held.add(message.reply)
            self._ready.append(message)
        elif status in _OVER:
            self._asked = 0
        else:
            why = (message.headers or {}).get("Description", "it is not there")
            self.broken(f"consumer {self._consumer.name} of stream {self._consumer.stream}: {why}")
        self._arrived.set()

    async def _keep_alive(self) -> None:
        """Long work: tells the server so before it gives the message to another reader."""
        while not self.problem:
            await self._clock.sleep(self._consumer.patience / 3)
            try:
                for reply in list(self._held):
                    await self._link.client.publish(reply, IN_PROGRESS)
            except Error:
                return  # the connection is broken: whoever reads is told
