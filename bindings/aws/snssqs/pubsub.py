from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from bindings.aws.session import AwsSession, error_code
from bindings.aws.sns.topic import Topic
from bindings.aws.snssqs.entities import Entities
from bindings.aws.snssqs.mailbox import Mailbox
from bindings.aws.snssqs.message import entry_of
from bindings.aws.snssqs.metadata import SnsSqsMetadata
from bindings.aws.snssqs.names import aws_name
from bindings.aws.snssqs.topic import TopicInput
from bindings.aws.sqs.queue import Queue, Terms
from bindings.aws.sqs.reader import Reader
from bindings.contract import Context, InputBinding, Publication, Subscription
from engine.errors import DefinitionError, EventError, NotReady, Permanent, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_THREADS = 16


class SnsSqs:
    """Topics of SNS; each consumer has one queue of SQS, to which the topics that it reads are subscribed."""

    def __init__(self, metadata: SnsSqsMetadata, context: Context) -> None:
        self._metadata = metadata
        self._clock = context.clock
        self._group = (
            (metadata.fifo_message_group_id or metadata.consumer_id or context.name) if metadata.fifo else None
        )
        self._session = AwsSession(metadata, _THREADS)
        self._topics: dict[str, Topic] = {}  # by the name that they are asked for by
        self._mailboxes: dict[str, Mailbox] = {}  # by the consumer
        self._making = asyncio.Lock()  # a policy is read, changed and written
        self._sns: SNSClient
        self._sqs: SQSClient
        self._entities: Entities

    async def open(self) -> None:
        """Sends nothing: what is there to be reached is known when a topic is used."""
        self._sns = await self._session.client("sns")
        self._sqs = await self._session.client("sqs")
        self._entities = Entities(self._session, self._metadata, self._sns, self._sqs)

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        written = [self._written(publication) for publication in publications]
        sent = iter(await self._send(topic, [one for one in written if not isinstance(one, Permanent)]))
        return [one if isinstance(one, Permanent) else next(sent) for one in written]

    def subscribe(self, subscription: Subscription) -> InputBinding:
        async def join() -> tuple[Mailbox, str]:
            return await self._join(subscription.topic, subscription.consumer)

        return TopicInput(join, self._leave)

    async def close(self) -> None:
        self._topics.clear()
        self._session.close()

    def _written(self, publication: Publication) -> dict[str, Any] | Permanent:
        try:
            return entry_of(publication, self._group)
        except Permanent as error:
            return error

    async def _send(self, name: str, entries: Sequence[dict[str, Any]]) -> Sequence[EventError | None]:
        if not entries:
            return []
        try:
            topic = await self._topic(name)
        except (NotReady, DefinitionError) as error:
            return [Unavailable(str(error))] * len(entries)
        results = await topic.publish(entries)
        errors = [one if isinstance(one, EventError) else None for one in results]
        if any(one is not None and _is_gone(one) for one in errors):
            self._topics.pop(name, None)  # it was deleted: the next try makes it again
            errors = [Unavailable(str(one)) if one is not None and _is_gone(one) else one for one in errors]
        return errors

    async def _topic(self, name: str) -> Topic:
        if name not in self._topics:
            async with self._making:
                if name not in self._topics:
                    self._topics[name] = Topic(self._session, self._sns, await self._entities.topic(name))
        return self._topics[name]

    async def _join(self, topic: str, consumer: str) -> tuple[Mailbox, str]:
        arn = (await self._topic(topic)).arn
        async with self._making:
            mailbox = self._mailboxes.get(consumer)
            if mailbox is None or mailbox.broken:
                url, queue = await self._entities.queue(consumer)
                await self._entities.bury(url)
                await self._entities.subscribe(arn, url, queue)
                mailbox = self._mailbox(consumer, url, queue)  # which has a task of its own: last
            else:
                await self._entities.subscribe(arn, mailbox.url, mailbox.arn)
            name = arn.rpartition(":")[2]
            mailbox.join(name)
            self._mailboxes[consumer] = mailbox
            return mailbox, name

    def _mailbox(self, consumer: str, url: str, arn: str) -> Mailbox:
        wanted = self._metadata
        terms = Terms(
            hidden=wanted.message_visibility_timeout,
            wait=wanted.message_wait_time_seconds,
            most=wanted.message_max_number,
        )
        queue = Queue(self._session, self._sqs, aws_name(consumer, wanted.fifo), url)
        return Mailbox(queue.name, url, arn, Reader(queue, terms, self._clock))

    async def _leave(self, mailbox: Mailbox, topic: str, back: Collection[str]) -> None:
        if await mailbox.leave(topic, back):
            self._mailboxes = {consumer: one for consumer, one in self._mailboxes.items() if one is not mailbox}


def _is_gone(error: EventError) -> bool:
    return isinstance(error.__cause__, Exception) and error_code(error.__cause__) == "NotFound"
