from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bindings.aws.session import FAILURES
from bindings.aws.sqs.queue import Queue, Terms, not_readable

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_MOST = 8  # requests at once


class Polls:
    """The requests for messages that are under way, and what they brought and nobody has taken yet.

    A request cannot be called off: it waits for messages for up to 20 seconds, in a thread that a process that ends
    need not wait for. What it brings after `close` it gives back itself.
    """

    def __init__(self, queue: Queue, terms: Terms, arrived: Callable[[Sequence[MessageTypeDef]], None]) -> None:
        """`arrived` is told of messages at once, before anybody takes them."""
        self.problem: Exception | None = None
        self._queue = queue
        self._terms = terms
        self._tell = arrived
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._closed = False
        self._ready: deque[MessageTypeDef] = deque()
        self._awaited = 0  # messages that the requests under way may bring
        self._under_way = 0
        self._width = 1  # requests: more while they come back full, one while there is nothing
        self._came = asyncio.Event()

    async def take(self, limit: int) -> Sequence[MessageTypeDef]:
        """Waits for at least one. Raises what a request failed with, translated."""
        while not self._ready:
            if self.problem is not None:
                raise self.problem
            self._ask_for(limit)
            self._came.clear()
            await self._came.wait()
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    def close(self) -> Sequence[MessageTypeDef]:
        """What came and nobody took; from now on nothing comes."""
        with self._lock:
            self._closed = True
        left, self._ready = list(self._ready), deque()
        return left

    def _ask_for(self, limit: int) -> None:
        while self._under_way < self._width and self._awaited < limit:
            count = min(self._terms.most, limit - self._awaited)
            self._under_way += 1
            self._awaited += count
            threading.Thread(target=self._poll, args=[count], name="jackfield-sqs", daemon=True).start()

    def _poll(self, count: int) -> None:
        """In a thread."""
        messages: Sequence[MessageTypeDef] = []
        problem: Exception | None = None
        try:
            messages = self._queue.receive(count, self._terms)
        except FAILURES as error:
            problem = not_readable(error, self._queue.name)
            problem.__cause__ = error
        except Exception as error:  # a bug: for the one who reads
            problem = error
        with self._lock:
            if not self._closed and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._brought, count, messages, problem)
                return
        self._give_back(messages)

    def _brought(self, count: int, messages: Sequence[MessageTypeDef], problem: Exception | None) -> None:
        self._under_way -= 1
        self._awaited -= count
        if self._closed:
            threading.Thread(target=self._give_back, args=[messages], name="jackfield-sqs", daemon=True).start()
            return
        if len(messages) == count:
            self._width = min(2 * self._width, _MOST)
        elif not messages:
            self._width = 1
        self.problem = self.problem or problem
        self._tell(messages)
        self._ready.extend(messages)
        self._came.set()

    def _give_back(self, messages: Sequence[MessageTypeDef]) -> None:
        """In a thread, when nobody reads any more; where it fails they come again when their time is over."""
        if messages:
            with contextlib.suppress(*FAILURES):
                self._queue.show([message["ReceiptHandle"] for message in messages])
