from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from bindings.aws.metadata import AwsMetadata
from bindings.metadata import BindingMetadata, Duration, Flag, PositiveDuration, Size, Text
from bindings.pattern import compile_pattern


class S3Metadata(AwsMetadata, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/s3/, and the input's fields."""

    bucket: Text = Field(description="The name of the bucket, which must be there.", examples=["uploads"], min_length=1)
    force_path_style: Flag = Field(
        False,
        description="Whether the bucket is in the path of the address and not in its host, as MinIO and emulators "
        "need it. Where the host is an IP address, it always is.",
        examples=["true"],
    )
    disable_ssl: Flag = Field(
        False,
        alias="disableSSL",
        description="Whether an `endpoint` without `https://` or `http://` is called without TLS.",
        examples=["true"],
    )
    insecure_ssl: Flag = Field(
        False,
        alias="insecureSSL",
        description="Whether a certificate of the endpoint is accepted that nobody vouches for.",
        examples=["true"],
    )
    decode_base64: Flag = Field(
        False,
        description="Output: `create` and `bulkCreate` take base64 text, and write what it stands for.",
        examples=["true"],
    )
    encode_base64: Flag = Field(
        False, description="Output: `get` and `bulkGet` give the content as base64 text.", examples=["true"]
    )
    file_path: Text | None = Field(
        None, description="Output: the file that `create` uploads in place of the data.", examples=["/srv/report.pdf"]
    )
    presign_ttl: Duration | None = Field(
        None,
        alias="presignTTL",
        description="How long presigned URLs are good for, at most 7 days. Output: `create` and `presign` give one. "
        "Input: the `dataref` of a large object is one, so that an app gets it with a plain GET.",
        examples=["15m", "1h"],
        gt=0,
        le=7 * 86400,
    )
    storage_class: Text | None = Field(
        None, description="Output: the storage class of what `create` writes.", examples=["STANDARD_IA"]
    )
    prefix: Text = Field("", description="Input: only objects whose keys begin so become events.", examples=["in/"])
    pattern: Text = Field(
        "**",
        description="Input: which of them. As in .gitignore: a pattern without `/` is for the last part of the key, "
        "one with `/` for the whole key, and `**` is for any number of parts. Keys that end in `/` are never taken.",
        examples=["*.jpg", "in/**/*.json"],
        min_length=1,
    )
    poll_interval: PositiveDuration = Field(
        10.0,
        description="Input: how long to wait between two listings; each costs a request for every 1,000 keys.",
        examples=["10s", "5m"],
    )
    look_back: Duration | None = Field(
        None,
        description="Input: for keys that grow with time, such as 2026/11/24/0815.json. Later listings then begin "
        "behind the objects that are finished and older than this, so that a poll costs one request, however many "
        "there are. An object that comes later than that, and with a smaller key, is not seen. Default: every "
        "listing is of all keys of the prefix.",
        examples=["1h"],
    )
    max_inline_size: Size = Field(
        2**20,
        description="Input: the data of larger objects stay where they are, and the event has their place in "
        "`dataref`: `s3://BUCKET/KEY`, or a presigned URL with `presignTTL`.",
        examples=["1Mi", "64Ki"],
    )
    on_done: Literal["keep", "delete", "move"] = Field(
        "keep",
        description="Input: what becomes of an object when its event is done; `move` puts it below `moveTo`. One whose "
        "event was filtered or dead-lettered stays in any case, and is not taken again until it changes.",
        examples=["keep", "delete", "move"],
    )
    move_to: Text | None = Field(
        None,
        description="Input: where `onDone: move` puts objects of the bucket, in place of `prefix`. What is there does "
        "not become an event.",
        examples=["done/"],
        min_length=1,
    )

    @property
    def address(self) -> str | None:
        """The endpoint, with its scheme."""
        if not self.endpoint or "://" in self.endpoint:
            return self.endpoint or None
        return f"{'http' if self.disable_ssl else 'https'}://{self.endpoint}"

    def moved(self, key: str) -> str:
        return f"{self.move_to}{key.removeprefix(self.prefix)}"

    @field_validator("pattern")
    @classmethod
    def _pattern_is_one(cls, pattern: str) -> str:
        compile_pattern(pattern)
        return pattern

    @model_validator(mode="after")
    def _move_has_a_target(self) -> S3Metadata:
        if (self.on_done == "move") != (self.move_to is not None):
            raise ValueError("`onDone: move` and moveTo belong together: set both or none")
        if self.move_to is not None and self.move_to == self.prefix:
            raise ValueError("moveTo is the prefix itself; choose another one")
        return self
