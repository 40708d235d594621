from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bindings.aws.session import FAILURES, AwsSession, error_code, refusal
from bindings.aws.sns.message import entry_of
from bindings.aws.sns.metadata import SnsMetadata
from bindings.aws.sns.topic import Topic
from bindings.contract import Context, Operation, Result
from engine.errors import EventError, NotReady, Permanent

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_THREADS = 4


class SnsOutput:
    """Publishes to one topic."""

    def __init__(self, metadata: SnsMetadata, context: Context) -> None:
        self._arn = metadata.topic_arn
        self._name = self._arn.rpartition(":")[2]
        self._group = metadata.fifo_message_group_id or self._name if self._name.endswith(".fifo") else None
        self._session = AwsSession(metadata, _THREADS)
        self._topic: Topic

    async def open(self) -> None:
        """Raises `NotReady` when there is no such topic, `DefinitionError` for what a person must change."""
        client: SNSClient = await self._session.client("sns")
        try:
            await self._session.call(client.get_topic_attributes, TopicArn=self._arn)
        except FAILURES as error:
            if error_code(error) == "NotFound":
                raise NotReady(
                    f"there is no topic {self._arn}: it is waited for, as a topic is not made here"
                ) from error
            if error_code(error) != "AuthorizationError":  # who may publish need not be allowed to look
                raise refusal(error, f"topic {self._name}") from error
        self._topic = Topic(self._session, client, self._arn)

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        written = [self._written(operation) for operation in operations]
        sent = iter(await self._topic.publish([one for one in written if not isinstance(one, Permanent)]))
        return [one if isinstance(one, Permanent) else self._result(next(sent)) for one in written]

    async def close(self) -> None:
        self._session.close()

    def _written(self, operation: Operation) -> dict[str, Any] | Permanent:
        try:
            return entry_of(operation, self._group)
        except Permanent as error:
            return error

    def _result(self, sent: str | EventError) -> Result | EventError:
        if isinstance(sent, EventError):
            return sent
        return Result(metadata={"messageId": sent}, landed=f"topic {self._name}")
