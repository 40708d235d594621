"""A client of librdkafka, and the one thread that serves it from its making to its end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar, cast

from confluent_kafka import KafkaError, KafkaException

from bindings.kafka.failure import Troubles, error_of, reason, refused
from engine.errors import NotReady

Client = TypeVar("Client")

_OPENING = 4.0  # seconds; a component has five to open
_STEP = 0.25  # seconds
_MAKING = 1.0  # seconds; brokers that make a topic by themselves have it after a moment


class Session(ABC, Generic[Client]):
    """librdkafka calls back on the thread that polls it, and its closing may block: so nothing of it but what returns
    at once is called on the event loop.
    """

    def __init__(self, brokers: str, topics: Sequence[str]) -> None:
        self.troubles = Troubles(brokers)
        self.problem: BaseException | None = None  # why nothing goes on any more
        self._deadline = _OPENING  # from `open` on: by the monotonic clock
        self.partitions: list[tuple[str, int]] = []  # of the topics, when it was opened
        self.is_ready = False
        self._brokers = brokers
        self._topics = topics
        self._stopping = threading.Event()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._live, name=f"kafka {brokers}", daemon=True)

    async def open(self) -> None:
        """Raises `DefinitionError` for what a person must change, `NotReady` when no broker answers."""
        self._deadline += time.monotonic()
        self._thread.start()
        await self._opened

    async def close(self) -> None:
        self._stopping.set()
        self.wake()
        if self._thread.ident is not None:
            await self._ended.wait()

    @abstractmethod
    def make(self) -> Client:
        """Makes the client."""

    @abstractmethod
    def begin(self, client: Client) -> None:
        """A broker has answered, and the topics are there. Calls `ready`, now or in a later step."""

    @abstractmethod
    def step(self, client: Client) -> None:
        """Serves the client for a moment."""

    @abstractmethod
    def end(self, client: Client) -> None:
        """Closes the client."""

    @abstractmethod
    def wake(self) -> None:
        """Ends a wait of `step`, if there is one."""

    @abstractmethod
    def over(self) -> None:
        """Called on the event loop when nothing goes on any more; `problem` says why, if it was not closed."""

    @property
    def is_over(self) -> bool:
        return self._ended.is_set()

    @property
    def is_late(self) -> bool:
        """Whether it has to be ready now."""
        return time.monotonic() > self._deadline

    def ready(self) -> None:
        self.is_ready = True
        self.tell(_resolve, self._opened)

    def tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Calls back on the event loop, if that is still there."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _live(self) -> None:
        try:
            self._serve()
        except KafkaException as error:
            self.problem = self.troubles.not_ready(reason(error_of(error)))
        except Exception as error:  # shown by whoever waits for this session
            self.problem = error
        self.tell(self._over)

    def _serve(self) -> None:
        try:
            client = self.make()
        except KafkaException as error:
            raise refused(error) from error
        try:
            for topic in self._topics or [""]:
                self.partitions += [(topic, number) for number in self._find(client, topic)]
            self.begin(client)
            while not self._stopping.is_set():
                self.step(client)
        finally:
            self.end(client)

    def _find(self, client: Any, topic: str) -> Iterable[int]:
        """The numbers of the topic's partitions, as soon as a broker answers and knows them; for no topic: none."""
        missing: float | None = None  # since when
        while not self._stopping.is_set():
            try:
                found = client.list_topics(topic or None, timeout=_STEP)
            except KafkaException:
                client.poll(0)
            else:
                self.troubles.down = False
                if not topic:
                    return []
                if found.topics[topic].error is None:
                    return cast(Iterable[int], found.topics[topic].partitions)
                missing = missing or time.monotonic()
                self._raise_other(topic, found.topics[topic].error)
                time.sleep(0.02)  # a broker that makes it by itself has begun to
            self.troubles.raise_refusal()
            if missing is not None and time.monotonic() > missing + _MAKING:
                raise self._missing(topic)
            if self.is_late or (self.troubles.down and missing is None):
                raise self.troubles.not_ready()
        return []

    def _missing(self, topic: str) -> NotReady:
        return NotReady(
            f"topic {topic} does not exist at {self._brokers}, and the brokers do not make it by themselves"
        )

    def _raise_other(self, topic: str, error: KafkaError) -> None:
        if error.code() not in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE):
            raise NotReady(f"topic {topic} cannot be used: {reason(error)}")

    def _over(self) -> None:
        if not self._opened.done():
            self._opened.set_exception(self.problem or NotReady("it was closed"))
        self.over()
        self._ended.set()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
