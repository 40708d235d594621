from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from bindings.aws.sqs.hiding import Hiding
from bindings.aws.sqs.polls import Polls
from bindings.aws.sqs.queue import Queue, Terms
from bindings.contract import Clock
from engine.errors import EventError, Retryable

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_GIVING_BACK = 5.0  # seconds


class Reader:
    """Takes messages from one queue, hides them while they are under way, and deletes them or gives them back."""

    def __init__(self, queue: Queue, terms: Terms, clock: Clock) -> None:
        self._queue = queue
        self._hiding = Hiding(queue, terms.hidden, clock)
        self._polls = Polls(queue, terms, self._arrived)

    async def take(self, limit: int) -> Sequence[MessageTypeDef]:
        """Waits for at least one; raises `NotReady` or `DefinitionError`."""
        return await self._polls.take(limit)

    async def settle(self, done: Collection[str], back: Collection[str]) -> None:
        """Handles of messages; raises `EventError` when they have to be settled once more."""
        self._hiding.drop(back)
        shown, _ = await asyncio.gather(self._queue.hide(back, 0), self._queue.delete(done))
        self._hiding.drop(done)
        for error in shown:
            if isinstance(error, Retryable):  # else it is the queue's again already
                raise error

    def let_go(self, handles: Collection[str]) -> None:
        """They come again when the time is over for which they are hidden."""
        self._hiding.drop(handles)

    async def give_back(self, handles: Collection[str]) -> None:
        """What is not given back in some seconds comes again when its time is over."""
        self._hiding.drop(handles)
        with contextlib.suppress(EventError, TimeoutError):
            async with asyncio.timeout(_GIVING_BACK):
                await self._queue.hide(handles, 0)

    async def close(self) -> None:
        """Gives back what is not settled. After a failure only what nobody took: the rest is still under way, and can
        be settled until its time is over, because a handle needs no connection.
        """
        left = handles(self._polls.close())
        under_way = await self._hiding.close()
        await self.give_back(left if self._polls.problem is not None else under_way)

    def _arrived(self, messages: Sequence[MessageTypeDef]) -> None:
        self._hiding.add(handles(messages))


def handles(messages: Iterable[MessageTypeDef]) -> list[str]:
    return [message["ReceiptHandle"] for message in messages]
