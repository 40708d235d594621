"""A member of a consumer group: reads the partitions that the group gives it, and tells the group how far it is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from bindings.contract import Received
from bindings.kafka.claims import Claims, Partition
from bindings.kafka.failure import error_of, reason
from bindings.kafka.message import Reader
from bindings.kafka.metadata import KafkaConnectionMetadata
from bindings.kafka.session import Session
from bindings.kafka.settings import consumer_settings
from engine.errors import JackfieldError, NotReady, Retryable

_TICK = 0.05  # seconds; the most time until a member sees that it is closed
_MOMENT = 0.005  # seconds; the most time that a message waits while others are under way
_PATIENCE = 1.0  # seconds; a pause makes the client forget what it has fetched, so it is put off for so long
_ANSWER = 5.0  # seconds; the most time for an answer that a rebalance waits for
_PASSING = {KafkaError._MAX_POLL_EXCEEDED}  # it has joined again


class Member(Session[Consumer]):
    def __init__(self, metadata: KafkaConnectionMetadata, topics: Sequence[str], group: str) -> None:
        super().__init__(metadata.brokers, topics)
        self._settings = consumer_settings(metadata, group)
        self._cooperative = metadata.consumer_group_rebalance_strategy == "sticky"
        self._newest = metadata.initial_offset == "newest"
        self._ends: Mapping[Partition, int] = {}  # of the partitions when it was opened
        self._session_timeout = metadata.session_timeout
        self._capacity = metadata.channel_buffer_size
        self._reader = Reader(metadata)
        self._lock = threading.Condition()  # of the claims and the waiting; notified when there is something to do
        self._claims = Claims()
        self._waiting: list[asyncio.Future[None]] = []  # for the next commit
        self._paused = False
        self._full_since: float | None = None  # since when there is no room
        self._away: float | None = None  # since when no broker is there
        self._looked = 0.0
        self._arrived = asyncio.Event()

    # On the event loop

    async def take(self, limit: int) -> Sequence[Received]:
        """Waits for at least one message; raises `NotReady` when none can come any more."""
        while True:
            with self._lock:
                if messages := self._claims.take(limit):
                    self._lock.notify()
                    return messages
            self._raise_problem()
            self._arrived.clear()
            await self._arrived.wait()

    async def settle(self, done: Iterable[Received], back: Iterable[Received]) -> None:
        """Returns when the group knows how far this member is: below the lowest message that is not settled.

        Raises `Retryable` when it could not be told; what is given back is then not yet.
        """
        committed = self._loop.create_future()
        with self._lock:
            self._claims.settle(done)
            if self._claims.due() and not self._ended.is_set():
                self._waiting.append(committed)
                self._lock.notify()
            else:
                committed.set_result(None)
        await committed
        with self._lock:
            self._claims.give_back(back)
        self._arrived.set()

    def _raise_problem(self) -> None:
        if self._ended.is_set() or self.problem is not None:
            problem = self.problem or NotReady("it was closed")
            raise NotReady(str(problem)) if isinstance(problem, JackfieldError) else problem

    def over(self) -> None:
        with self._lock:
            self._claims.clear()
            waiting, self._waiting = self._waiting, []
        _answer(waiting, None)  # whoever has the partitions now gets the messages again
        self._arrived.set()

    def wake(self) -> None:
        with self._lock:
            self._lock.notify()

    # On the thread of the client

    def make(self) -> Consumer:
        return Consumer({**self._settings, "error_cb": self.troubles.tell})

    def begin(self, client: Consumer) -> None:
        if self._newest:  # now, and not only when the group has given out its partitions
            self._ends = self._find_offsets(client, self.partitions, OFFSET_END)
        client.subscribe(
            list(self._topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def step(self, client: Consumer) -> None:
        if not self.is_ready and self.is_late:
            self.ready()  # others have to give up partitions first; it reads when they have
        self._commit_due(client)
        with self._lock:
            room, busy = self._capacity - self._claims.waiting, self._claims.is_busy or bool(self._waiting)
        self._set_pause(client, room)
        # The client has one lock, and holds it while it waits for messages: so it waits only when nothing is under way
        # that may have to be committed, and else looks often.
        if room > 0:
            messages = client.consume(room, 0) if busy else client.consume(1, _TICK)
        else:  # the group has to be answered all the same
            messages = client.consume(1, 0) if self._paused else []
        if messages:
            self._add(messages)
        elif busy:
            self._rest(room)
        if self.troubles.down:
            self._look(client)
        self.troubles.raise_refusal()

    def _set_pause(self, client: Consumer, room: int) -> None:
        """When nobody reads for a while, the brokers are asked for no more: also of partitions that are new."""
        if room > 0:
            self._full_since = None
            if self._paused:
                client.resume(client.assignment())
                self._paused = False
        elif self._full_since is None:
            self._full_since = time.monotonic()
        elif time.monotonic() - self._full_since > _PATIENCE:
            client.pause(client.assignment())
            self._paused = True

    def _rest(self, room: int) -> None:
        """Until there is something to do, or it is time to ask for messages."""
        with self._lock:
            taken = room <= 0 and self._claims.waiting < self._capacity
            if not self._waiting and not taken and not self._stopping.is_set():
                self._lock.wait(_MOMENT if room > 0 else _TICK)

    def end(self, client: Consumer) -> None:
        client.unsubscribe()  # a member without partitions leaves its group only then
        client.close()

    def _add(self, messages: Sequence[Message]) -> None:
        arrived = [(_place(message), self._reader.received(message)) for message in messages if self._is_good(message)]
        with self._lock:
            for (topic, number, offset), received in arrived:
                self._claims.add((topic, number), offset, received)
        self.tell(self._arrived.set)

    def _is_good(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() not in _PASSING and not error.retriable():
            raise NotReady(f"topic {message.topic()}: {reason(error)}")
        return False

    def _look(self, client: Consumer) -> None:
        """Whether a broker is back. After `sessionTimeout` the group has given the partitions to others."""
        now = time.monotonic()
        self._away = now if self._away is None else self._away
        if now - self._looked < 1:
            return
        self._looked = now
        try:
            client.list_topics(self._topics[0], timeout=0.5)
        except KafkaException:
            if now - self._away > self._session_timeout:
                raise self.troubles.not_ready() from None
        else:
            self.troubles.down, self._away = False, None

    def _on_assign(self, client: Consumer, given: list[TopicPartition]) -> None:
        """Says where to begin, and tells the group that as well: a member that dies before it has acknowledged
        anything would else begin anew, and what came meanwhile would be passed over.
        """
        known = self._ask(client.committed, given)
        fresh = [partition for partition, offset in known.items() if offset < 0]
        # A partition that was not there when this member was opened is read from its beginning.
        starts = {**self._find_offsets(client, fresh, OFFSET_BEGINNING), **self._ends}
        with self._lock:
            for partition, offset in known.items():
                if partition in fresh:
                    self._claims.assign(partition, starts[partition], None)
                else:
                    self._claims.assign(partition, offset, offset)
        self._commit(client, {partition: starts[partition] for partition in fresh})
        partitions = _offsets(
            {partition: starts[partition] if offset < 0 else offset for partition, offset in known.items()}
        )
        if self._cooperative:
            client.incremental_assign(partitions)
        else:
            client.assign(partitions)
        client.resume(partitions)  # one that was paused when it was taken away still is
        if not self.is_ready:
            self.ready()

    def _find_offsets(self, client: Consumer, partitions: Iterable[Partition], which: int) -> dict[Partition, int]:
        return self._ask(
            client.offsets_for_times, [TopicPartition(topic, number, which) for topic, number in partitions]
        )

    def _ask(self, question: Callable[..., list[TopicPartition]], about: list[TopicPartition]) -> dict[Partition, int]:
        """The offsets. Raises `KafkaException` when one of them cannot be known: nothing may be guessed."""
        deadline = time.monotonic() + _ANSWER
        while about:
            try:
                found = question(about, timeout=_ANSWER)
                if failed := [one.error for one in found if one.error is not None]:
                    raise KafkaException(failed[0])
                return {_partition(one): one.offset for one in found}
            except KafkaException:  # a broker that has just become the one to ask does not know it yet
                if time.monotonic() > deadline or self._stopping.is_set():
                    raise
                time.sleep(_MOMENT)
        return {}

    def _on_revoke(self, client: Consumer, taken: list[TopicPartition]) -> None:
        """What is settled is committed before others have them; the rest comes again there."""
        partitions = [_partition(one) for one in taken]
        with self._lock:
            due = {partition: at for partition, at in self._claims.due().items() if partition in partitions}
            self._claims.revoke(partitions)
        self._commit(client, due)

    def _on_lost(self, client: Consumer, taken: list[TopicPartition]) -> None:
        """Others have them already: nothing can be committed."""
        with self._lock:
            self._claims.revoke([_partition(one) for one in taken])

    def _commit_due(self, client: Consumer) -> None:
        """Answers all who have settled something since the last time."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            due = self._claims.due()
        if waiting:
            self.tell(_answer, waiting, self._commit(client, due))

    def _commit(self, client: Consumer, positions: Mapping[Partition, int]) -> KafkaError | None:
        """What could not be committed is due as before."""
        if not positions:
            return None
        try:
            answers = client.commit(offsets=_offsets(positions), asynchronous=False)
        except KafkaException as error:
            return error_of(error)
        with self._lock:
            for one in answers:
                if one.error is None:
                    self._claims.committed(_partition(one), one.offset)
        return next((one.error for one in answers if one.error is not None), None)


def _answer(waiting: Iterable[asyncio.Future[None]], failure: KafkaError | None) -> None:
    for future in waiting:
        if future.done():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(Retryable(f"Kafka could not take the offsets: {reason(failure)}"))


def _place(message: Message) -> tuple[str, int, int]:
    return message.topic() or "", message.partition() or 0, message.offset() or 0


def _partition(place: TopicPartition) -> Partition:
    return place.topic, place.partition


def _offsets(positions: Mapping[Partition, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number, offset) for (topic, number), offset in positions.items()]
