from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from bindings.azure.metadata import AzureMetadata
from bindings.metadata import BindingMetadata, Duration, Flag, PositiveDuration, Secret, Size, Text, Whole
from bindings.pattern import compile_pattern


class BlobStorageMetadata(AzureMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/blobstorage/, and the input's fields."""

    other_names: ClassVar[Mapping[str, str]] = {
        **AzureMetadata.other_names,
        **dict.fromkeys(("container", "storageAccountContainer"), "containerName"),
        **dict.fromkeys(("storageEndpoint", "storageAccountEndpoint"), "endpoint"),
        "getBlobRetryCount": "retryCount",
    }

    container_name: Text = Field(
        description="The container; made when it is missing, unless `disableEntityManagement` says no.",
        examples=["uploads"],
        min_length=1,
    )
    connection_string: Secret | None = Field(
        None,
        description="A connection string, in place of the account, its key and the endpoint.",
        examples=["DefaultEndpointsProtocol=https;AccountName=..."],
    )
    endpoint: Text | None = Field(
        None,
        description="The address of an emulator or of another domain, without the account. Default: Azure.",
        examples=["http://127.0.0.1:10000"],
    )
    public_access_level: Literal["none", "blob", "container"] = Field(
        "none", description="Who may read a container that is made: nobody, who knows a blob, everybody."
    )
    disable_entity_management: Flag = Field(
        False, description="Whether the container is not made, for a login that may not.", examples=["true"]
    )
    retry_count: Whole = Field(
        3, ge=0, description="How often a request is sent again before the engine decides.", examples=["3"]
    )
    decode_base64: Flag = Field(
        False,
        description="Output: `create` and `bulkCreate` take base64 text, and write what it stands for.",
        examples=["true"],
    )
    sign_ttl: Duration | None = Field(
        None,
        alias="signTTL",
        description="Input: makes the `dataref` of a large blob a signed URL that is good for so long, so that an app "
        "gets it with a plain GET. Needs the account's key.",
        examples=["15m", "1h"],
        gt=0,
    )
    prefix: Text = Field("", description="Input: only blobs whose names begin so become events.", examples=["in/"])
    pattern: Text = Field(
        "**",
        description="Input: which of them. As in .gitignore: a pattern without `/` is for the last part of the name, "
        "one with `/` for the whole name, and `**` is for any number of parts. Names that end in `/` are never taken.",
        examples=["*.jpg", "in/**/*.json"],
        min_length=1,
    )
    poll_interval: PositiveDuration = Field(
        10.0,
        description="Input: how long to wait between two listings; each costs a request for every 250 blobs.",
        examples=["10s", "5m"],
    )
    max_inline_size: Size = Field(
        2**20,
        description="Input: the data of larger blobs stay where they are, and the event has their URL in `dataref`.",
        examples=["1Mi", "64Ki"],
    )
    on_done: Literal["keep", "delete", "move"] = Field(
        "keep",
        description="Input: what becomes of a blob when its event is done; `move` puts it below `moveTo`. One whose "
        "event was filtered or dead-lettered stays in any case, and is not taken again until it changes.",
        examples=["keep", "delete", "move"],
    )
    move_to: Text | None = Field(
        None,
        description="Input: where `onDone: move` puts blobs of the container, in place of `prefix`. What is there does "
        "not become an event.",
        examples=["done/"],
        min_length=1,
    )

    @property
    def account_url(self) -> str:
        if self.endpoint:
            return f"{self.endpoint.rstrip('/')}/{self.account_name}"
        return f"https://{self.account_name}.blob.{self.suffix}"

    def moved(self, name: str) -> str:
        return f"{self.move_to}{name.removeprefix(self.prefix)}"

    @field_validator("pattern")
    @classmethod
    def _pattern_is_one(cls, pattern: str) -> str:
        compile_pattern(pattern)
        return pattern

    @model_validator(mode="after")
    def _parts_fit(self) -> BlobStorageMetadata:
        if not self.connection_string and not self.account_name:
            raise ValueError("set accountName or connectionString")
        if (self.on_done == "move") != (self.move_to is not None):
            raise ValueError("`onDone: move` and moveTo belong together: set both or none")
        if self.move_to is not None and self.move_to == self.prefix:
            raise ValueError("moveTo is the prefix itself; choose another one")
        return self
