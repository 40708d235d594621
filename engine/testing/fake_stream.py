"""A streaming subscription of the fake engine: what is published while the app has its stream open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine import cloudevents
from engine.definitions.dapr import SubscriptionSpec
from engine.errors import Permanent
from engine.event import Event
from engine.streams import Deliver

_ATTEMPTS = 5


class FakeStream:
    """One message after the other; RETRY comes again at once. `drop`: publishes what is dropped to the dead letter
    topic.
    """

    def __init__(self, wanted: SubscriptionSpec, deliver: Deliver, drop: Callable[[str, str, bytes], None]) -> None:
        self.wanted = wanted
        self.ended = asyncio.Event()
        self.reason = ""
        self._deliver = deliver
        self._drop = drop
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def arrived(self, pubsub: str, topic: str, data: bytes) -> None:
        if (pubsub, topic) == (self.wanted.pubsubname, self.wanted.topic):
            self._messages.put_nowait(data)

    def end(self, reason: str) -> None:
        self.reason = reason
        self.ended.set()

    async def finish(self) -> None:
        """It waits for nothing: there is no one who would give the messages out again."""

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            data = await self._messages.get()
            if not await self._is_done(_event(data)) and self.wanted.dead_letter_topic is not None:
                self._drop(self.wanted.pubsubname, self.wanted.dead_letter_topic, data)

    async def _is_done(self, event: Event) -> bool:
        for _ in range(_ATTEMPTS):
            status = await self._deliver(event)
            if status != "RETRY":
                return status == "SUCCESS"
        return False


def _event(data: bytes) -> Event:
    """What was published raw is in the envelope that Dapr gives it."""
    try:
        (event,) = cloudevents.decode({"content-type": "application/cloudevents+json"}, data) or [Event({})]
    except Permanent:
        raw = {"specversion": "1.0", "id": "raw", "source": "Dapr", "type": "com.dapr.event.sent"}
        return Event({**raw, "datacontenttype": "application/octet-stream"}, data)
    return event
