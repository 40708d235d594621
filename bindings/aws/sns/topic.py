from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bindings.aws.bundler import Bundler
from bindings.aws.entries import ids, numbered, size
from bindings.aws.session import FAILURES, AwsSession, failure
from engine.errors import EventError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_LANES = 4  # requests that are under way at once


class Topic:
    """One topic: messages are published ten at a time, those of a FIFO topic in their order."""

    def __init__(self, session: AwsSession, client: SNSClient, arn: str) -> None:
        self.name = arn.rpartition(":")[2]
        self.arn = arn
        self._session = session
        self._client = client
        self._publishing = Bundler(self._publish, lanes=1 if arn.endswith(".fifo") else _LANES, size=size)

    async def publish(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[str | EventError]:
        """Entries of PublishBatch without an `Id`; the id of each message, or why it was not published."""
        return await self._publishing.put(entries)

    async def _publish(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[str | EventError]:
        what, request = f"topic {self.name}", self._client.publish_batch
        try:
            answer = await self._session.call(request, TopicArn=self.arn, PublishBatchRequestEntries=numbered(entries))
        except FAILURES as error:
            raise failure(error, what) from error
        return ids(answer, len(entries), what)
