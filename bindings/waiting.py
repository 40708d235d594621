"""Requests and their answers over one connection, where the answers come in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Waiting(Generic[Key, Answer]):
    """What waits for an answer, by the key that the answer carries."""

    def __init__(self) -> None:
        self._open: dict[Key, Batch[Key, Answer]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._open

    def expect(self, keys: Sequence[Key]) -> Batch[Key, Answer]:
        """Requests that are about to be written; none of the keys may wait already."""
        batch = Batch(self._open, keys)
        self._open.update(dict.fromkeys(keys, batch))
        return batch

    def answer(self, key: Key, answer: Answer) -> None:
        """One that nobody waits for, or no longer, is dropped."""
        batch = self._open.pop(key, None)
        if batch is not None:
            batch.add(key, answer)

    def end(self, answer: Answer) -> None:
        """The same answer to all: none comes any more."""
        for key in list(self._open):
            self.answer(key, answer)


class Batch(Generic[Key, Answer]):
    """The requests of one call: all are written before the first answer is waited for."""

    def __init__(self, open: dict[Key, Batch[Key, Answer]], keys: Sequence[Key]) -> None:
        self._open = open
        self._keys = keys
        self._answers: dict[Key, Answer] = {}
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not keys:
            self._all.set_result(None)

    def add(self, key: Key, answer: Answer) -> None:
        self._answers[key] = answer
        if len(self._answers) == len(self._keys) and not self._all.done():
            self._all.set_result(None)

    async def answers(self, timeout: float, late: Callable[[], Answer]) -> list[Answer]:
        """In the order of the requests; `late` for those that have none after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._all
        except TimeoutError:
            missing = late()
            return [self._answers.get(key, missing) for key in self._keys]
        finally:
            for key in self._keys:
                self._open.pop(key, None)
        return [self._answers[key] for key in self._keys]
