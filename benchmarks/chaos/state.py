"""What an engine has left on disk, read from the files themselves and not through its code."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.chaos.events import TICK
from benchmarks.chaos.pipelines import FILES, KINDS, TICKS

_WAITING = "SELECT queue, data FROM messages WHERE queue NOT LIKE '%-out'"
_LETTERS = "SELECT pipeline, origin, origin_data FROM dead_letters"
_PENDING = "SELECT key FROM marks WHERE scope = 'cron/ticks-in' AND key LIKE 'pending/%'"
_DONE_FILES = "SELECT key FROM marks WHERE scope = 'localstorage/files-in'"
_ARRIVED = "SELECT data FROM messages WHERE queue = ? ORDER BY seq"


class State:
    def __init__(self, project: Path) -> None:
        self._queues = project / ".jackfield/queues.db"
        self._store = project / ".jackfield/store.db"
        self._inbox = project / "inbox"

    async def waiting(self) -> Mapping[str, set[int]]:
        """By pipeline: the events that were sent and not acknowledged, those that were given out included."""
        waiting: dict[str, set[int]] = {name: set() for name in KINDS}
        for queue, data in [*await self._rows(self._queues, _WAITING), *await self._rows(self._store, _WAITING)]:
            # `orders-in`, in the store `store/hooks-in`, `store/replay/orders` and `store/replay/orders@REVISION`
            name = queue.rpartition("/")[2].partition("@")[0]
            waiting[name.removesuffix("-in")].add(_number(data))
        for (key,) in await self._rows(self._store, _PENDING):
            waiting[TICKS].add(-int(float(key.removeprefix("pending/")) // TICK))
        done = {path for (path,) in await self._rows(self._store, _DONE_FILES)}
        waiting[FILES] |= {int(file.stem) for file in self._inbox.glob("*.json") if file.name not in done}
        return waiting

    async def letters(self) -> Sequence[tuple[str, int]]:
        """The pipeline and the number of the event of each dead letter."""
        rows = await self._rows(self._store, _LETTERS)
        return [(pipeline, _number(data)) for pipeline, _, data in rows]

    async def arrived(self, pipeline: str) -> Sequence[int]:
        """What is in the local queue that is the output of a pipeline."""
        return [_number(data) for (data,) in await self._rows(self._queues, _ARRIVED, f"{pipeline}-out")]

    async def _rows(self, path: Path, query: str, *parameters: object) -> list[Any]:
        while True:
            try:
                return await asyncio.to_thread(_read, path, query, parameters)
            except sqlite3.OperationalError:  # the disk is full, or the file is not there yet
                await asyncio.sleep(0.05)


def _read(path: Path, query: str, parameters: Sequence[object]) -> list[Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query, parameters).fetchall()


def _number(data: bytes | None) -> int:
    return 0 if data is None else int(json.loads(data)["n"])
