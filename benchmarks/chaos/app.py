"""The app and sink: for each event, one transaction writes down that it came, and its id where that is new.

So `effects` is a sink that checks ids, and `arrivals` one that does not. As a process of its own it is killed,
stopped and started like the engine; its file survives. `POST /mood` with `ok`, `errors` (of three requests one is
answered 500, 503 or 429) or `mended` (what is refused at first is taken now) says how it answers.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.chaos.events import TICK, Event, is_hopeless, is_refused_at_first
from tests.integration.apps import serving

_TABLES = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    CREATE TABLE IF NOT EXISTS arrivals (seq INTEGER PRIMARY KEY, pipeline TEXT, n INTEGER, id TEXT, at REAL);
    CREATE TABLE IF NOT EXISTS effects (pipeline TEXT, id TEXT, n INTEGER, PRIMARY KEY (pipeline, id));
"""


class Sink:
    def __init__(self, path: Path, seed: int) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(_TABLES)
        self._draw = random.Random(seed)
        self._mood = "ok"
        self._mended = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        pipeline, body = request.path.strip("/"), await request.read()
        if pipeline == "mood":
            self._mended = self._mended or body == b"mended"
            self._mood = "errors" if body == b"errors" else "ok"
            return web.Response()
        if self._mood == "errors" and self._draw.random() < 1 / 3:
            status = self._draw.choice((500, 503, 429))
            return web.Response(status=status, headers={} if status == 500 else {"Retry-After": "0"})
        if "ce-id" not in request.headers:
            return self._take_batch(pipeline, json.loads(body))
        event = _number(request.headers["ce-time"], json.loads(body) if body else None), request.headers["ce-id"]
        if self._refuses(event):
            return web.Response(status=422)
        self.take(pipeline, [event], time.monotonic())
        return web.Response()

    def _take_batch(self, pipeline: str, envelopes: list[Any]) -> web.Response:
        events: list[Event] = [(_number(one["time"], one["data"]), one["id"]) for one in envelopes]
        self.take(pipeline, [event for event in events if not self._refuses(event)], time.monotonic())
        results = [{"id": event[1], "status": 422 if self._refuses(event) else 200} for event in events]
        return web.json_response({"results": results})

    def _refuses(self, event: Event) -> bool:
        return is_hopeless(event[0]) or (is_refused_at_first(event[0]) and not self._mended)

    def take(self, pipeline: str, events: list[Event], now: float) -> None:
        """`now` is of `time.monotonic`, which is the same in all processes of a machine."""
        write = self._connection
        write.execute("BEGIN")
        arrived = [(pipeline, n, id, now) for n, id in events]
        write.executemany("INSERT INTO arrivals (pipeline, n, id, at) VALUES (?, ?, ?, ?)", arrived)
        write.executemany("INSERT OR IGNORE INTO effects VALUES (?, ?, ?)", [(pipeline, id, n) for n, id in events])
        write.execute("COMMIT")


def _number(time: str, data: Any) -> int:
    """The number of an event; that of a tick is below zero: the place of its instant among all since 1970."""
    return -int(datetime.fromisoformat(time).timestamp() // TICK) if data is None else int(data["n"])


async def main(path: str, port: str, seed: str) -> None:
    async with serving(Sink(Path(path), int(seed)).answer, int(port)) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
