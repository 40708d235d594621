from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bindings.aws.kinesis.shard import END, OLDEST, Shard, mark_at
from bindings.aws.session import FAILURES, AwsSession, error_code, refusal
from engine.errors import DefinitionError, NotReady

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


async def list_shards(session: AwsSession, client: KinesisClient, stream: str) -> Sequence[Mapping[str, Any]]:
    """All that the stream has, also those that are closed and whose records are still there."""
    found: list[Mapping[str, Any]] = []
    asked: dict[str, Any] = {"StreamName": stream}
    while True:
        try:
            answer = await session.call(client.list_shards, **asked)
        except FAILURES as error:
            raise not_readable(error, stream) from error
        found += answer["Shards"]
        if not answer.get("NextToken"):
            return found
        asked = {"NextToken": answer["NextToken"]}


def arrange(listed: Sequence[Mapping[str, Any]], marks: Mapping[str, str], start: str, now: float) -> list[Shard]:
    """The shards with their marks. One without a mark is read from its beginning: it is the child of one that was read
    to its end. At the very first start there are no marks at all, and `start` (`latest`, `oldest`) counts.
    """
    ids = {str(shard["ShardId"]) for shard in listed}
    shards = []
    for shard in listed:
        id = shard["ShardId"]
        is_closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
        mark = marks.get(id, OLDEST)
        if not marks and start == "latest":
            mark = END if is_closed else mark_at(now)
        parents = ids & {str(shard.get("ParentShardId")), str(shard.get("AdjacentParentShardId"))}
        shards.append(Shard(id, parents, mark))
    return shards


def not_readable(error: Exception, stream: str) -> NotReady | DefinitionError:
    """What an error of boto3 means for the stream as a whole."""
    if error_code(error) == "ResourceNotFoundException":
        return NotReady(f"there is no stream {stream}: it is waited for, as a stream is not made here")
    return refusal(error, f"stream {stream}")
