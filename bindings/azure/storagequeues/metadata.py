from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from bindings.azure.metadata import AzureMetadata
from bindings.metadata import BindingMetadata, Duration, Flag, PositiveDuration, Text

_LONGEST_HIDING = 7 * 86400  # seconds


class StorageQueuesMetadata(AzureMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/storagequeues/"""

    other_names: ClassVar[Mapping[str, str]] = {
        **AzureMetadata.other_names,
        **dict.fromkeys(("queue", "storageAccountQueue"), "queueName"),
        **dict.fromkeys(("endpoint", "storageEndpoint", "storageAccountEndpoint", "queueEndpointUrl"), "queueEndpoint"),
        "ttlInSeconds": "ttl",
    }

    queue_name: Text = Field(description="The queue; made when it is missing.", examples=["orders"], min_length=1)
    queue_endpoint: Text | None = Field(
        None,
        description="The address of an emulator or of another domain, without the account. Default: Azure.",
        examples=["http://127.0.0.1:10001"],
    )
    polling_interval: Duration = Field(
        10.0,
        description="Input: the longest wait between two looks at an empty queue, at least 100ms. The first look "
        "after a message comes within that time already, and the waits grow to it.",
        examples=["30s"],
    )
    visibility_timeout: PositiveDuration = Field(
        30.0,
        description="Input: after how long others get a message when this engine is gone. While a message is under "
        "way, its time is renewed. At least 1s, at most 7 days.",
        examples=["1m"],
    )
    ttl: PositiveDuration = Field(
        600.0, description="Output: how long a message stays in the queue.", examples=["10m", "60"]
    )
    initial_visibility_delay: Duration = Field(
        0.0, description="Output: how long a message stays hidden at first.", examples=["30s"]
    )
    decode_base64: Flag = Field(
        False,
        description="Input: a message is base64 text, and the data are what it stands for.",
        examples=["true"],
    )
    encode_base64: Flag = Field(
        False,
        description="Output: messages are written as base64 text; without it they must be text of characters that "
        "XML may have.",
        examples=["true"],
    )

    @property
    def account_url(self) -> str:
        if self.queue_endpoint:
            return f"{self.queue_endpoint.rstrip('/')}/{self.account_name}"
        return f"https://{self.account_name}.queue.{self.suffix}"

    @field_validator("polling_interval")
    @classmethod
    def _polls_not_too_often(cls, seconds: float) -> float:
        if seconds < 0.1:
            raise ValueError("must be at least 100ms")
        return seconds

    @field_validator("visibility_timeout")
    @classmethod
    def _hides_as_the_service_can(cls, seconds: float) -> float:
        if not 1 <= seconds <= _LONGEST_HIDING:
            raise ValueError("must be from 1s to 7d")
        return seconds

    @model_validator(mode="after")
    def _has_an_account(self) -> StorageQueuesMetadata:
        if not self.account_name:
            raise ValueError("accountName is missing")
        if self.initial_visibility_delay >= self.ttl:
            raise ValueError("initialVisibilityDelay must be less than ttl")
        return self
