from __future__ import annotations

from pydantic import Field

from bindings.aws.metadata import AwsMetadata
from bindings.metadata import BindingMetadata, Text


class SnsMetadata(AwsMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/sns/, and `fifoMessageGroupID`."""

    topic_arn: Text = Field(
        description="The ARN of the topic, which must be there. That of a FIFO topic ends in `.fifo`.",
        examples=["arn:aws:sns:eu-central-1:123456789012:orders"],
        pattern=r"^arn:[^:]+:sns:[^:]*:[^:]*:[a-zA-Z0-9_-]+(\.fifo)?$",
    )
    fifo_message_group_id: Text | None = Field(
        None,
        alias="fifoMessageGroupID",
        description="The group of messages to a FIFO topic that name none; within a group the order is kept. Default: "
        "the name of the topic.",
        examples=["orders"],
        min_length=1,
        max_length=128,
    )
