from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bindings.aws.snssqs.message import received, unpacked
from bindings.aws.sqs.reader import Reader
from bindings.contract import Received

_log = logging.getLogger("jackfield.snssqs")
_MOST_KEPT = 1000  # messages of a topic that nobody reads while another topic of the queue is read


@dataclass(slots=True)
class Box:
    """What came for one topic and nobody has taken yet, and how many read it."""

    waiting: deque[Received] = field(default_factory=deque)
    readers: int = 0


class Mailbox:
    """The queue of one consumer, in which the messages of all its topics come, as Dapr has it.

    Who reads a topic pulls for all of them. A message of a topic that nobody reads here is let go: it comes again when
    its time is over, perhaps to another replica.
    """

    def __init__(self, name: str, url: str, arn: str, reader: Reader) -> None:
        self.name = name
        self.url = url
        self.arn = arn
        self.broken = False
        self._reader = reader
        self._boxes: dict[str, Box] = {}
        self._pulling = asyncio.Lock()
        self._strange: set[str] = set()  # topics that were named in a warning

    def join(self, topic: str) -> None:
        self._boxes.setdefault(topic, Box()).readers += 1

    async def take(self, topic: str, limit: int) -> Sequence[Received]:
        """Waits for at least one; raises `NotReady` or `DefinitionError`."""
        box = self._boxes[topic]
        while not box.waiting:
            async with self._pulling:
                if not box.waiting:
                    await self._pull(limit)
        return [box.waiting.popleft() for _ in range(min(limit, len(box.waiting)))]

    async def settle(self, done: Collection[str], back: Collection[str]) -> None:
        """Handles of messages; raises `EventError` when they have to be settled once more."""
        await self._reader.settle(done, back)

    async def leave(self, topic: str, back: Collection[str]) -> bool:
        """Gives back what a reader has not settled; whether it was the last one, and the queue is closed."""
        box = self._boxes[topic]
        box.readers -= 1
        if not box.readers:
            del self._boxes[topic]
            back = [*back, *(message.handle for message in box.waiting)]
        if not self._boxes:
            await self._reader.close()
            return True
        if not self.broken:  # else what is under way can still be settled
            await self._reader.give_back(back)
        return False

    async def _pull(self, limit: int) -> None:
        try:
            messages = await self._reader.take(limit)
        except Exception:
            self.broken = True
            raise
        for message in messages:
            topic, notification = unpacked(message)
            if not topic and len(self._boxes) == 1:  # raw delivery: there is no doubt
                [topic] = self._boxes
            box, handle = self._boxes.get(topic), message["ReceiptHandle"]
            if box is None or len(box.waiting) >= _MOST_KEPT:
                self._reader.let_go([handle])
                self._warn(topic, box)
                continue
            box.waiting.append(received(message, notification, self.name))

    def _warn(self, topic: str, box: Box | None) -> None:
        if box is None and topic not in self._strange:
            self._strange.add(topic)
            what = f"of topic {topic}" if topic else "that name no topic"
            _log.warning("queue %s has messages %s, which is not subscribed here: they are left there", self.name, what)
