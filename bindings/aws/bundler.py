from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

from engine.errors import EventError, Permanent, Unavailable

Entry = TypeVar("Entry")
Answer = TypeVar("Answer")


class Bundler(Generic[Entry, Answer]):
    """Puts entries into few requests: those that come while one is under way wait, and go together. More than one
    request at a time, up to `lanes`, are under way only when more wait than one request holds.

    `send` gives an answer or an error for each entry of a bundle, or raises the `EventError` of all of them. Entries
    go in their order where there is one lane.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Entry]], Awaitable[Sequence[Answer | EventError]]],
        *,
        lanes: int,
        most: int = 10,  # entries
        size: Callable[[Entry], int] = lambda entry: 0,
        most_bytes: int = 262_144,
        key: Callable[[Entry], object] | None = None,
    ) -> None:
        """`key`: entries with the same one may not go in one request."""
        self._send = send
        self._lanes = lanes
        self._most = most
        self._size = size
        self._most_bytes = most_bytes
        self._key = key
        self._waiting: deque[tuple[Entry, asyncio.Future[Answer | EventError]]] = deque()
        self._busy: set[asyncio.Task[None]] = set()

    async def put(self, entries: Sequence[Entry]) -> list[Answer | EventError]:
        """One answer or error an entry, in their order. What is cancelled is sent nevertheless."""
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Answer | EventError]] = [loop.create_future() for _ in entries]
        self._waiting.extend(zip(entries, futures, strict=True))
        # The tasks begin in the next turn of the loop, so that what others put in this one goes with it.
        while len(self._busy) < min(self._lanes, -(-len(self._waiting) // self._most)):
            task = loop.create_task(self._work())
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        return list(await asyncio.gather(*futures))

    async def _work(self) -> None:
        while self._waiting:
            await self._carry(self._next())
        # In the same turn: who puts something now must see that nobody takes it any more.
        self._busy.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _carry(self, bundle: Sequence[tuple[Entry, asyncio.Future[Answer | EventError]]]) -> None:
        try:
            answers = await self._answers([entry for entry, _ in bundle])
        except asyncio.CancelledError:  # of the session's calls, when it was closed
            answers = [Unavailable("it was closed before there was an answer")] * len(bundle)
        except Exception as error:  # a bug: nobody may wait for ever because of it
            for _, future in bundle:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(bundle, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def _next(self) -> list[tuple[Entry, asyncio.Future[Answer | EventError]]]:
        """As many as fit; one that is too large for any bundle goes alone, and the service says what it thinks."""
        bundle: list[tuple[Entry, asyncio.Future[Answer | EventError]]] = []
        room, keys = self._most_bytes, set()
        while self._waiting and len(bundle) < self._most:
            entry, _ = self._waiting[0]
            key = self._key(entry) if self._key is not None else len(bundle)
            room -= self._size(entry)
            if bundle and (room < 0 or key in keys):
                break
            keys.add(key)
            bundle.append(self._waiting.popleft())
        return bundle

    async def _answers(self, entries: Sequence[Entry]) -> Sequence[Answer | EventError]:
        try:
            return await self._send(entries)
        except Permanent as error:
            if len(entries) == 1:
                return [error]
            # One that the service cannot read makes it refuse all of them: each alone, so that only that one fails.
            return [answer for entry in entries for answer in await self._answers([entry])]
        except EventError as error:
            return [error] * len(entries)
