"""The call of a streaming subscription: an event goes out over the stream that the app has opened.

Source: dapr/dapr, pkg/runtime/pubsub/streamer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine.definitions.subscriptions import StreamedCall
from engine.errors import TimedOut
from engine.passage import Passage
from engine.stages.deliver import verdict_of
from engine.stages.stage import Verdict


class StreamStage:
    """Waits for the app's answer as long as the stream is there: the app takes the messages when it likes.

    `timeout`: in seconds, where a Resiliency document says one.
    """

    waits = True
    limit = 1
    batch = None

    def __init__(self, name: str, call: StreamedCall, timeout: float | None = None) -> None:
        self.name = name
        self._deliver = call.deliver
        self._timeout = timeout

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        return [await self._answer(passage) for passage in batch]

    async def _answer(self, passage: Passage) -> Verdict:
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._deliver(passage.event)
        except TimeoutError:
            return TimedOut(f"no answer over the stream within {self._timeout:g} s")
        passage.notes.append(f"stream {status}")
        return verdict_of(passage.event, status)
