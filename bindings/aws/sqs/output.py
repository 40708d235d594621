from __future__ import annotations

from collections.abc import Sequence

from bindings.aws.session import AwsSession
from bindings.aws.sqs.message import entry_of
from bindings.aws.sqs.metadata import SqsMetadata
from bindings.aws.sqs.queue import Queue, find_queue
from bindings.contract import Context, Operation, Result
from engine.errors import EventError, Permanent

_THREADS = 4


class SqsOutput:
    """Sends to one queue."""

    def __init__(self, metadata: SqsMetadata, context: Context) -> None:
        self._name = metadata.queue_name
        fifo = self._name.endswith(".fifo")
        self._group = metadata.fifo_message_group_id or self._name if fifo else None
        self._session = AwsSession(metadata, _THREADS)
        self._queue: Queue

    async def open(self) -> None:
        self._queue = await find_queue(self._session, self._name)

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        written = [self._written(operation) for operation in operations]
        sent = iter(await self._queue.send([one for one in written if not isinstance(one, Permanent)]))
        return [one if isinstance(one, Permanent) else self._result(next(sent)) for one in written]

    async def close(self) -> None:
        self._session.close()

    def _written(self, operation: Operation) -> dict[str, object] | Permanent:
        try:
            return entry_of(operation, self._name, self._group)
        except Permanent as error:
            return error

    def _result(self, sent: str | EventError) -> Result | EventError:
        if isinstance(sent, EventError):
            return sent
        return Result(metadata={"messageId": sent}, landed=f"queue {self._name}")
