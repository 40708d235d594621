from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bindings.aws.session import FAILURES, AwsSession, error_code, refusal
from bindings.aws.snssqs.metadata import SnsSqsMetadata
from bindings.aws.snssqs.names import allowing, aws_name, partition_of
from engine.errors import DefinitionError, NotReady

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_MISSING = {"NotFound", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_ACCOUNT = 12  # digits


class Entities:
    """Topics, queues, and the subscriptions of queues to topics: made, or with `disableEntityManagement` looked up.

    Every method raises `NotReady` or `DefinitionError`.
    """

    def __init__(self, session: AwsSession, metadata: SnsSqsMetadata, sns: SNSClient, sqs: SQSClient) -> None:
        self._session = session
        self._metadata = metadata
        self._sns = sns
        self._sqs = sqs
        self._fifo = metadata.fifo
        self._made = not metadata.disable_entity_management
        self._account = metadata.account_id if metadata.account_id and len(metadata.account_id) == _ACCOUNT else ""

    async def topic(self, name: str) -> str:
        """Its ARN."""
        plain = aws_name(name, self._fifo)
        what = f"topic {plain}"
        if not plain.removesuffix(".fifo"):
            raise DefinitionError(f"topic {name!r} has no character that AWS allows in a name")
        if not self._made:
            region, account = self._sns.meta.region_name, await self._find_account()
            arn = f"arn:{self._metadata.partition or partition_of(region)}:sns:{region}:{account}:{plain}"
            await self._call(what, self._sns.get_topic_attributes, TopicArn=arn)
            return arn
        attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"} if self._fifo else {}
        tags = [{"Key": "dapr-topic-name", "Value": plain}]
        answer = await self._call(what, self._sns.create_topic, Name=plain, Attributes=attributes, Tags=tags)
        return str(answer["TopicArn"])

    async def queue(self, name: str) -> tuple[str, str]:
        """Its URL and its ARN."""
        plain = aws_name(name, self._fifo)
        what = f"queue {plain}"
        if self._made:
            attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if self._fifo else {}
            tags = {"dapr-queue-name": plain}
            answer = await self._call(what, self._sqs.create_queue, QueueName=plain, Attributes=attributes, tags=tags)
        else:
            owner = await self._find_account()
            answer = await self._call(what, self._sqs.get_queue_url, QueueName=plain, QueueOwnerAWSAccountId=owner)
        url = answer["QueueUrl"]
        return url, (await self._attributes(what, url, "QueueArn"))["QueueArn"]

    async def subscribe(self, topic: str, url: str, queue: str) -> None:
        """What is published to the topic comes to the queue from then on; `topic` and `queue` are ARNs."""
        what = f"the subscription of {queue} to {topic}"
        if not self._made:
            await self._find_subscription(what, topic, queue)
            return
        policy = allowing((await self._attributes(what, url, "Policy")).get("Policy", ""), queue, topic)
        if policy is not None:
            await self._set(what, url, Policy=policy)
        await self._call(what, self._sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=queue)

    async def bury(self, url: str) -> None:
        """Lets SQS move messages of the queue to the one for dead letters, if there is to be one."""
        name = self._metadata.sqs_dead_letters_queue_name
        if name is None:
            return
        _, dead = await self.queue(name)
        if self._made:
            limit = str(self._metadata.message_receive_limit)
            policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": limit})
            await self._set(f"queue {url}", url, RedrivePolicy=policy)

    async def _find_account(self) -> str:
        if not self._account:
            sts: Any = await self._session.client("sts")
            self._account = (await self._call("the account", sts.get_caller_identity))["Account"]
        return self._account

    async def _find_subscription(self, what: str, topic: str, queue: str) -> None:
        more: dict[str, str] = {}
        while True:
            answer = await self._call(what, self._sns.list_subscriptions_by_topic, TopicArn=topic, **more)
            if any(one["Endpoint"] == queue for one in answer["Subscriptions"]):
                return
            if not answer.get("NextToken"):
                raise NotReady(f"there is not {what}, and disableEntityManagement forbids to make it")
            more = {"NextToken": answer["NextToken"]}

    async def _attributes(self, what: str, url: str, name: str) -> dict[str, str]:
        answer = await self._call(what, self._sqs.get_queue_attributes, QueueUrl=url, AttributeNames=[name])
        found: dict[str, str] = answer.get("Attributes", {})
        return found

    async def _set(self, what: str, url: str, **attributes: str) -> None:
        await self._call(what, self._sqs.set_queue_attributes, QueueUrl=url, Attributes=attributes)

    async def _call(self, what: str, request: Callable[..., Any], **arguments: Any) -> Any:
        seconds = self._metadata.assets_management_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._session.call(request, **arguments)
        except TimeoutError as error:
            raise NotReady(f"{what}: no answer within {seconds:g}s (assetsManagementTimeoutSeconds)") from error
        except FAILURES as error:
            if error_code(error) in _MISSING:
                raise NotReady(f"{what} is not there, and disableEntityManagement forbids to make it") from error
            raise refusal(error, what) from error
