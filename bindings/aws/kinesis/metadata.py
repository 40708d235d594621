from __future__ import annotations

from typing import Literal

from pydantic import Field

from bindings.aws.metadata import AwsMetadata
from bindings.metadata import BindingMetadata, PositiveDuration, Text


class KinesisMetadata(AwsMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/kinesis/, and `initialPosition` and
    `pollInterval`.
    """

    stream_name: Text = Field(
        description="The name of the stream, which must be there.", examples=["orders"], min_length=1, max_length=128
    )
    consumer_name: Text | None = Field(
        None,
        description="Input: under which name the engine's store keeps how far the stream was read. Default: the name "
        "of the component.",
        examples=["shop"],
        min_length=1,
    )
    mode: Literal["shared", "extended"] = Field(
        "shared",
        description="Understood, and without effect: the stream is polled, as Dapr does it with `shared`.",
        examples=["shared"],
    )
    partition_key: Text | None = Field(
        None,
        description="Output: the partition key of records that name none; records with one key keep their order. "
        "Default: the `partitionkey` of the event, else its id.",
        examples=["orders"],
        min_length=1,
        max_length=256,
    )
    initial_position: Literal["latest", "oldest"] = Field(
        "latest",
        description="Input: where reading begins at the very first start: with what comes from then on, or with all "
        "that is still there.",
        examples=["oldest"],
    )
    poll_interval: PositiveDuration = Field(
        1.0,
        description="Input: how often a shard that has nothing new is asked.",
        examples=["1s", "200ms"],
    )
