from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Literal

from bindings.aws.snssqs.mailbox import Mailbox
from bindings.contract import Outcome, Received, Settled
from engine.errors import NotReady


class TopicInput:
    """One topic of one consumer. `join` subscribes the queue of the consumer, and gives its mailbox and the name of the
    topic in it; `leave` is told that it is read no more, and what is not settled.
    """

    redelivery: Literal["native"] = "native"

    def __init__(
        self,
        join: Callable[[], Awaitable[tuple[Mailbox, str]]],
        leave: Callable[[Mailbox, str, Collection[str]], Awaitable[None]],
    ) -> None:
        self._join = join
        self._leave = leave
        self._joined: tuple[Mailbox, str] | None = None
        self._under_way: set[str] = set()  # handles

    async def open(self) -> None:
        self._joined = await self._join()

    async def read(self, limit: int) -> Sequence[Received]:
        mailbox, topic = self._opened()
        messages = await mailbox.take(topic, limit)
        self._under_way.update(message.handle for message in messages)
        return messages

    async def settle(self, settled: Sequence[Settled]) -> None:
        mailbox, _ = self._opened()
        back = [one.received.handle for one in settled if one.outcome is Outcome.RELEASED]
        done = [one.received.handle for one in settled if one.outcome is not Outcome.RELEASED]
        await mailbox.settle(done, back)
        self._under_way.difference_update([*done, *back])

    async def close(self) -> None:
        if self._joined is not None:
            joined, self._joined = self._joined, None
            under_way, self._under_way = self._under_way, set()
            await self._leave(*joined, under_way)

    def _opened(self) -> tuple[Mailbox, str]:
        if self._joined is None:
            raise NotReady("the topic is not open")
        return self._joined
