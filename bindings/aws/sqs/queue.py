from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bindings.aws.bundler import Bundler
from bindings.aws.entries import errors, ids, numbered, size
from bindings.aws.session import FAILURES, AwsSession, error_code, failure, refusal
from engine.errors import DefinitionError, EventError, NotReady

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_LANES = 4  # requests of one kind that are under way at once
_STALE = {"ReceiptHandleIsInvalid", "InvalidParameterValue"}  # the message is the queue's again
_MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass(frozen=True, slots=True)
class Terms:
    """How messages are asked for: a request waits `wait` seconds for at most `most`, and hides them for `hidden`."""

    hidden: int
    wait: int
    most: int = 10  # no more by the rules of SQS


class Queue:
    """One queue: what can be said of its messages, ten at a time."""

    def __init__(self, session: AwsSession, client: SQSClient, name: str, url: str) -> None:
        self.name = name
        self._shown = f"queue {name}"
        self._session = session
        self._client = client
        self._url = url
        fifo = name.endswith(".fifo")
        self._sending = Bundler(self._send, lanes=1 if fifo else _LANES, size=size)
        self._deleting = Bundler(self._delete, lanes=_LANES)
        self._hiding = Bundler(self._hide, lanes=_LANES)

    async def send(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[str | EventError]:
        """Entries of SendMessageBatch without an `Id`; the id of each message, or why it was not sent."""
        return await self._sending.put(entries)

    async def delete(self, handles: Collection[str]) -> None:
        """Returns when all are gone. One that is the queue's again comes again; raises `EventError` otherwise."""
        _raise_first(await self._deleting.put(list(handles)))

    async def hide(self, handles: Collection[str], seconds: int) -> Sequence[EventError | None]:
        """From now on for so many seconds; 0 shows them at once."""
        return await self._hiding.put([(handle, seconds) for handle in handles])

    # What follows blocks: it is for a thread

    def receive(self, count: int, terms: Terms) -> Sequence[MessageTypeDef]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            VisibilityTimeout=terms.hidden,
            WaitTimeSeconds=terms.wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def show(self, handles: Sequence[str]) -> None:
        """Gives at most ten back at once."""
        entries = numbered([{"ReceiptHandle": handle, "VisibilityTimeout": 0} for handle in handles])
        self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    async def _send(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[str | EventError]:
        answer = await self._call(self._client.send_message_batch, entries)
        return ids(answer, len(entries), self._shown)

    async def _delete(self, handles: Sequence[str]) -> Sequence[EventError | None]:
        answer = await self._call(self._client.delete_message_batch, [{"ReceiptHandle": handle} for handle in handles])
        return errors(answer, len(handles), self._shown, without=_STALE)

    async def _hide(self, hidden: Sequence[tuple[str, int]]) -> Sequence[EventError | None]:
        entries = [{"ReceiptHandle": handle, "VisibilityTimeout": seconds} for handle, seconds in hidden]
        answer = await self._call(self._client.change_message_visibility_batch, entries)
        return errors(answer, len(hidden), self._shown)

    async def _call(self, request: Callable[..., Any], entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        try:
            return await self._session.call(request, QueueUrl=self._url, Entries=numbered(entries))
        except FAILURES as error:
            raise failure(error, self._shown) from error


async def find_queue(session: AwsSession, name: str, **owner: str) -> Queue:
    """The queue of that name; raises `DefinitionError` or `NotReady`."""
    client: SQSClient = await session.client("sqs")
    try:
        answer = await session.call(client.get_queue_url, QueueName=name, **owner)
    except FAILURES as error:
        raise not_readable(error, name) from error
    return Queue(session, client, name, answer["QueueUrl"])


def not_readable(error: Exception, name: str) -> NotReady | DefinitionError:
    """What an error of boto3 means for the queue as a whole."""
    if error_code(error) in _MISSING:
        return NotReady(f"there is no queue {name}: it is waited for, as a queue is not made here")
    return refusal(error, f"queue {name}")


def _raise_first(errors: Sequence[EventError | None]) -> None:
    for error in errors:
        if error is not None:
            raise error
