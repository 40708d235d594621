from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bindings.aws.metadata import AwsMetadata
from bindings.metadata import Duration, Flag, PubSubMetadata, Text, Whole


class SnsSqsMetadata(AwsMetadata, PubSubMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-pubsub/setup-aws-snssqs/"""

    message_visibility_timeout: Whole = Field(
        10,
        ge=1,
        le=43200,
        description="Seconds for which a message is hidden from other readers; it is hidden anew while it is under "
        "way. What an engine had that was killed comes again after them.",
        examples=["10"],
    )
    message_wait_time_seconds: Whole = Field(
        2, ge=1, le=20, description="How many seconds one request waits for a message.", examples=["1", "20"]
    )
    message_max_number: Whole = Field(
        10, ge=1, le=10, description="How many messages one request asks for.", examples=["10"]
    )
    message_receive_limit: Whole = Field(
        0,
        ge=0,
        description="How often a message is given out until SQS moves it to `sqsDeadLettersQueueName`.",
        examples=["10"],
    )
    sqs_dead_letters_queue_name: Text | None = Field(
        None,
        description="The queue to which SQS moves messages that were given out `messageReceiveLimit` times. Each time "
        "that an engine is stopped with the message under way counts.",
        examples=["orders-dead"],
        min_length=1,
    )
    message_retry_limit: Whole = Field(
        10,
        ge=2,
        description="Understood, and without effect: no message is deleted because it was given out so often. One "
        "that fails becomes a dead letter of its pipeline.",
        examples=["10"],
    )
    disable_delete_on_retry_limit: Flag = Field(
        False, description="Understood, and without effect, as `messageRetryLimit`.", examples=["true"]
    )
    fifo: Flag = Field(
        False,
        description="Whether topics and queues are FIFO ones, whose names end in `.fifo`. What is published twice "
        "within five minutes comes once.",
        examples=["true"],
    )
    fifo_message_group_id: Text | None = Field(
        None,
        alias="fifoMessageGroupID",
        description="The group of the messages; within a group the order is kept. Default: the `consumerID`, or the "
        "name of the component.",
        examples=["orders"],
        min_length=1,
        max_length=128,
    )
    disable_entity_management: Flag = Field(
        False,
        description="Whether the topics, the queues and their subscriptions are there already, and nothing is made or "
        "changed.",
        examples=["true"],
    )
    assets_management_timeout_seconds: Duration = Field(
        5.0,
        description="How long one request may take that makes or looks up a topic, a queue or a subscription.",
        examples=["0.5", "10"],
    )
    account_id: Text | None = Field(
        None,
        description="The account of the topics and queues. Default: that of the credentials.",
        examples=["123456789012"],
    )
    partition: Text | None = Field(
        None, description="The partition of the ARNs. Default: that of the region.", examples=["aws", "aws-cn"]
    )
    concurrency_mode: Literal["parallel", "single"] = Field(
        "parallel",
        description="Understood, and without effect: `delivery.concurrency` of the pipeline says how many are under "
        "way.",
        examples=["single"],
    )
    concurrency_limit: Whole = Field(
        0, ge=0, description="Understood, and without effect, as `concurrencyMode`.", examples=["100"]
    )

    @model_validator(mode="after")
    def _dead_letters_are_whole(self) -> SnsSqsMetadata:
        if bool(self.message_receive_limit) != bool(self.sqs_dead_letters_queue_name):
            raise ValueError("messageReceiveLimit and sqsDeadLettersQueueName belong together: set both or none")
        if self.sqs_dead_letters_queue_name and self.disable_delete_on_retry_limit:
            raise ValueError("disableDeleteOnRetryLimit cannot be used with sqsDeadLettersQueueName")
        return self
