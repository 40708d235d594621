from __future__ import annotations

from pydantic import Field

from bindings.aws.metadata import AwsMetadata
from bindings.metadata import BindingMetadata, Text, Whole


class SqsMetadata(AwsMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/sqs/, and the `message…` and `fifo…`
    fields, which are those of Dapr's pubsub.aws.snssqs.
    """

    queue_name: Text = Field(
        description="The name of the queue, which must be there. That of a FIFO queue ends in `.fifo`.",
        examples=["orders", "orders.fifo"],
        min_length=1,
        max_length=80,
    )
    message_visibility_timeout: Whole = Field(
        30,
        ge=1,
        le=43200,
        description="Input: seconds for which a message is hidden from other readers; it is hidden anew while it is "
        "under way. What an engine had that was killed comes again after them.",
        examples=["30", "120"],
    )
    message_wait_time_seconds: Whole = Field(
        20, ge=1, le=20, description="Input: how many seconds one request waits for a message.", examples=["20"]
    )
    fifo_message_group_id: Text | None = Field(
        None,
        alias="fifoMessageGroupID",
        description="Output to a FIFO queue: the group of messages that name none; within a group the order is kept. "
        "Default: the name of the queue.",
        examples=["orders"],
        min_length=1,
        max_length=128,
    )
