from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from bindings.aws.kinesis.metadata import KinesisMetadata
from bindings.aws.kinesis.shard import END, Shard
from bindings.aws.kinesis.shards import arrange, list_shards, not_readable
from bindings.aws.session import FAILURES, AwsSession, error_code
from bindings.contract import Context, Outcome, Received, Settled
from engine.event import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

_THREADS = 8
_BATCH = 1000  # records of one request
_AT_MOST_EVERY = 0.2  # seconds: a shard may be asked five times a second
_BUSY = {"ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException"}


class KinesisInput:
    """Reads all shards of one stream. The engine's store keeps how far each is settled without a gap: what is behind
    that comes again when the engine was killed.
    """

    redelivery: Literal["native"] = "native"

    def __init__(self, metadata: KinesisMetadata, context: Context) -> None:
        self._metadata = metadata
        self._stream = metadata.stream_name
        self._store = context.store
        self._scope = f"kinesis/{self._stream}/{metadata.consumer_name or context.name}"
        self._clock = context.clock
        self._session = AwsSession(metadata, _THREADS)
        self._shards: dict[str, Shard] = {}
        self._ready: deque[Received] = deque()
        self._marks: dict[str, str] = {}  # as the store has them
        self._is_split = False  # a shard has ended: it has children
        self._keeping = asyncio.Lock()
        self._client: KinesisClient

    async def open(self) -> None:
        """Raises `NotReady` when there is no such stream, `DefinitionError` for what a person must change."""
        self._client = await self._session.client("kinesis")
        self._shards.clear()
        self._marks = await self._store.marks(self._scope)
        await self._find_shards()

    async def read(self, limit: int) -> Sequence[Received]:
        while not self._ready:
            await self._fetch()
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    async def settle(self, settled: Sequence[Settled]) -> None:
        back: list[Received] = []
        for one in settled:
            handle: tuple[Shard, str] = one.received.handle
            shard, number = handle
            if self._shards.get(shard.id) is not shard:
                continue  # given out before the last `open`: it comes again
            if one.outcome is Outcome.RELEASED:
                back.append(replace(one.received, attempt=one.received.attempt + 1))
            else:
                shard.settle([number])
        await self._keep_marks()
        self._ready.extendleft(reversed(back))  # last: after an error all of this is done again

    async def close(self) -> None:
        self._shards.clear()
        self._ready.clear()
        self._session.close()

    async def _fetch(self) -> None:
        """Asks every shard that may be asked now, or waits for the first one. When it is cancelled no position has
        moved, so that the same records come again.
        """
        if self._is_split:
            await self._find_shards()
        now = self._clock.now()
        shards = [shard for shard in self._shards.values() if not shard.is_read and self._follows(shard)]
        due = [shard for shard in shards if shard.due <= now]
        if not due:
            await self._clock.sleep(min((shard.due - now for shard in shards), default=self._metadata.poll_interval))
            return
        answers = await asyncio.gather(*(self._ask(shard) for shard in due), return_exceptions=True)
        failed: BaseException | None = None
        for shard, answer in zip(due, answers, strict=True):
            if isinstance(answer, BaseException):
                failed = failed or answer
            elif answer is not None:
                self._came(shard, answer)
        if failed is not None and not self._ready:
            raise failed

    def _follows(self, shard: Shard) -> bool:
        """The records of a shard that was split or merged come before those of its children."""
        return all(self._shards[parent].progress == END for parent in shard.parents if parent in self._shards)

    async def _ask(self, shard: Shard) -> Any:
        """None: it has too much to do, or the iterator is too old."""
        shard.due = self._clock.now() + self._metadata.poll_interval
        try:
            if shard.iterator is None:
                answer: Any = await self._session.call(
                    self._client.get_shard_iterator, StreamName=self._stream, ShardId=shard.id, **shard.start
                )
                shard.iterator = answer["ShardIterator"]
            return await self._session.call(self._client.get_records, ShardIterator=shard.iterator, Limit=_BATCH)
        except FAILURES as error:
            if error_code(error) == "ExpiredIteratorException":
                shard.iterator, shard.due = None, 0.0
                return None
            if error_code(error) in _BUSY:
                return None
            raise not_readable(error, self._stream) from error

    def _came(self, shard: Shard, answer: Any) -> None:
        records = answer["Records"]
        shard.read([record["SequenceNumber"] for record in records], answer.get("NextShardIterator"))
        self._is_split |= shard.is_read
        self._ready.extend(self._received(shard, record) for record in records)
        if records or answer.get("MillisBehindLatest"):
            shard.due = self._clock.now() + _AT_MOST_EVERY

    async def _find_shards(self) -> None:
        listed = await list_shards(self._session, self._client, self._stream)
        self._is_split = False
        marks = {**self._marks, **{shard.id: shard.progress for shard in self._shards.values()}}
        for shard in arrange(listed, marks, self._metadata.initial_position, self._clock.now()):
            self._shards.setdefault(shard.id, shard)
        gone = self._shards.keys() - {shard["ShardId"] for shard in listed}
        self._shards = {id: shard for id, shard in self._shards.items() if id not in gone}
        old = [id for id in self._marks if id not in self._shards]
        if old:  # Kinesis has forgotten them, with their records
            await self._store.drop_marks(self._scope, old)
            self._marks = {id: mark for id, mark in self._marks.items() if id not in old}
        await self._keep_marks()

    async def _keep_marks(self) -> None:
        async with self._keeping:
            marks = {shard.id: shard.progress for shard in self._shards.values()}
            changed = {id: mark for id, mark in marks.items() if self._marks.get(id) != mark}
            if changed:
                await self._store.set_marks(self._scope, changed)
                self._marks.update(changed)

    def _received(self, shard: Shard, record: Any) -> Received:
        number, key = record["SequenceNumber"], record["PartitionKey"]
        metadata = {
            "streamName": self._stream,
            "shardId": shard.id,
            "sequenceNumber": number,
            "partitionKey": key,
        }
        time = rfc3339(record["ApproximateArrivalTimestamp"].timestamp())
        return Received(f"{shard.id}:{number}", record["Data"], {"time": time}, metadata, handle=(shard, number))
