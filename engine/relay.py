"""The replay queue of a pipeline as one revision reads it: what another revision must do is passed on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bindings.contract import Outcome, Received, Settled
from bindings.store import DurableQueue, Message
from engine.replay import wanted_revision


class Relay:
    """`pass_on` returns when what it was given is durable elsewhere; a crash after it repeats some, and loses none."""

    def __init__(
        self, queue: DurableQueue, revision: str, pass_on: Callable[[Sequence[Received]], Awaitable[None]]
    ) -> None:
        self._queue = queue
        self._revision = revision
        self._pass_on = pass_on

    async def put(self, messages: Sequence[Message]) -> None:
        await self._queue.put(messages)

    async def read(self, limit: int) -> Sequence[Received]:
        while True:
            received = await self._queue.read(limit)
            others = [one for one in received if wanted_revision(one) not in ("", self._revision)]
            try:
                if others:
                    await self._pass_on(others)
                    await self._queue.settle([Settled(one, Outcome.DONE) for one in others])
            except BaseException:
                await self._queue.settle([Settled(one, Outcome.RELEASED) for one in received])
                raise
            if mine := [one for one in received if wanted_revision(one) in ("", self._revision)]:
                return mine

    async def settle(self, settled: Sequence[Settled]) -> None:
        await self._queue.settle(settled)

    async def close(self) -> None:
        await self._queue.close()
