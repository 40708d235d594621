from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bindings.aws.bundler import Bundler
from bindings.aws.kinesis.metadata import KinesisMetadata
from bindings.aws.kinesis.shards import not_readable
from bindings.aws.session import FAILURES, AwsSession, answered, error_code, failure
from bindings.contract import Context, Operation, Result
from engine.errors import EventError, Permanent

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

_THREADS = 2
_MOST, _MOST_BYTES = 500, 5 * 2**20  # records and bytes of one request
_LONGEST_KEY = 256
_FORBIDDEN = "AccessDeniedException"


class KinesisOutput:
    """Puts records into one stream, those of one partition key in their order."""

    def __init__(self, metadata: KinesisMetadata, context: Context) -> None:
        self._name = metadata.stream_name
        self._key = metadata.partition_key
        self._session = AwsSession(metadata, _THREADS)
        self._putting: Bundler[Mapping[str, Any], Result] = Bundler(
            self._put, lanes=1, most=_MOST, most_bytes=_MOST_BYTES, size=_size
        )
        self._client: KinesisClient

    async def open(self) -> None:
        """Raises `NotReady` when there is no such stream, `DefinitionError` for what a person must change."""
        self._client = await self._session.client("kinesis")
        try:
            await self._session.call(self._client.describe_stream_summary, StreamName=self._name)
        except FAILURES as error:
            if error_code(error) != _FORBIDDEN:  # who may put need not be allowed to look
                raise not_readable(error, self._name) from error

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        records = [self._record(operation) for operation in operations]
        put = iter(await self._putting.put([one for one in records if not isinstance(one, Permanent)]))
        return [one if isinstance(one, Permanent) else next(put) for one in records]

    async def close(self) -> None:
        self._session.close()

    def _record(self, operation: Operation) -> Mapping[str, Any] | Permanent:
        if operation.name != "create":
            return Permanent(f"bindings.aws.kinesis has no operation {operation.name!r}; it has create")
        event = operation.event
        named = operation.metadata.get("partitionKey") or self._key
        key = named or str(event.attributes.get("partitionkey") or event.id[:_LONGEST_KEY])
        if len(key) > _LONGEST_KEY:
            return Permanent(f"the partition key has more than {_LONGEST_KEY} characters: {key[:20]}…")
        return {"Data": event.data or b"", "PartitionKey": key}

    async def _put(self, records: Sequence[Mapping[str, Any]]) -> Sequence[Result | EventError]:
        what, put_records = f"stream {self._name}", self._client.put_records
        wanted: Any = list(records)
        try:
            answer = await self._session.call(put_records, StreamName=self._name, Records=wanted)
        except FAILURES as error:
            raise failure(error, what) from error
        return [self._result(what, one) for one in answer["Records"]]

    def _result(self, what: str, record: Mapping[str, Any]) -> Result | EventError:
        code = record.get("ErrorCode")
        if code:
            return answered(code, f"{what}: {code}: {record.get('ErrorMessage', '')}", 500)
        facts = {"shardId": record["ShardId"], "sequenceNumber": record["SequenceNumber"]}
        return Result(metadata=facts, landed=f"stream {self._name}, {record['ShardId']}")


def _size(record: Mapping[str, Any]) -> int:
    return len(record["Data"]) + len(record["PartitionKey"].encode())
