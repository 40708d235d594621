"""Who sends the events: each tries again until the other side has confirmed, as every sender of events has to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import aiohttp

from benchmarks.chaos.events import body, is_sent_twice
from benchmarks.chaos.pipelines import KINDS
from bindings.sqlite.database import Database
from bindings.sqlite.queue import SqliteQueue
from bindings.store import Message
from engine.clock import SystemClock
from engine.errors import JackfieldError

_AGAIN = 0.05  # seconds


class Sends(Protocol):
    async def send(self, numbers: Sequence[int]) -> None: ...


class QueueSender:
    """Puts events into the local queue that is the input of a pipeline, in their order."""

    def __init__(self, pipeline: str, path: Path) -> None:
        self._pipeline = pipeline
        self._path = path

    async def send(self, numbers: Sequence[int]) -> None:
        messages = [self._message(n) for n in numbers]
        while True:
            try:
                database = await Database.acquire(self._path)
                try:
                    await SqliteQueue(database, f"{self._pipeline}-in", SystemClock()).put(messages)
                finally:
                    await database.release()
                return
            except JackfieldError:  # the disk is full
                await asyncio.sleep(_AGAIN)

    def _message(self, n: int) -> Message:
        id, source = f"{self._pipeline}-{n}", "/chaos"
        attributes = {"id": id, "source": source, "type": "com.example.counted", "datacontenttype": "application/json"}
        return Message(f"{source} {id}", body(n), attributes)


class WebhookSender:
    """Posts each event until it is answered 202; takes a 4xx as final, as senders do."""

    def __init__(self, pipeline: str, url: str) -> None:
        self._id = pipeline
        self._url = f"{url}/webhooks/{pipeline}-in"

    async def send(self, numbers: Sequence[int]) -> None:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=8)) as session:
            await asyncio.gather(*(self._post(session, n) for n in numbers))

    async def _post(self, session: aiohttp.ClientSession, n: int) -> None:
        headers = {
            "ce-specversion": "1.0",
            "ce-id": f"{self._id}-{n}",
            "ce-source": "/chaos",
            "ce-type": "com.example.counted",
            "Content-Type": "application/json",
        }
        while True:
            try:
                async with session.post(self._url, data=body(n), headers=headers) as response:
                    assert response.status >= 500 or response.status == 202, f"{self._url}: {response.status}"
                    if response.status == 202:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(_AGAIN)


class FileSender:
    """Puts a file an event into a folder, with its last name only when it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    async def send(self, numbers: Sequence[int]) -> None:
        for n in numbers:
            part = self._folder / f"{n}.part"
            part.write_bytes(body(n))
            part.rename(self._folder / f"{n}.json")


class Feed:
    """The events of one pipeline, in their order, some of them twice where the pipeline does them once."""

    def __init__(self, pipeline: str, sender: Sends, draw: random.Random) -> None:
        self.sent: set[int] = set()
        self._sender = sender
        self._draw = draw
        self._sends_twice = KINDS[pipeline].is_once
        self._turn = asyncio.Lock()

    async def send(self, numbers: range, seconds: float) -> None:
        """Spread over about so many seconds."""
        async with self._turn:
            size = max(1, min(200, len(numbers) // 5))
            for start in range(numbers.start, numbers.stop, size):
                chunk = range(start, min(start + size, numbers.stop))
                await self._sender.send(chunk)
                self.sent.update(chunk)
                await asyncio.sleep(self._draw.uniform(0, 2 * seconds * size / len(numbers)))
                if twice := [n for n in chunk if self._sends_twice and is_sent_twice(n)]:
                    await self._sender.send(twice)
