from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from boto3.s3.transfer import TransferConfig

from bindings.aws.s3.metadata import S3Metadata
from bindings.aws.session import FAILURES, AwsSession, error_code, refusal
from bindings.object_operations import from_base64
from engine.errors import NotReady

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

P = ParamSpec("P")
T = TypeVar("T")

# A request is mostly waiting: a few milliseconds of this machine's time to some tens of the network's.
THREADS = 16
_ONE_REQUEST = 64 * 2**20  # bytes: larger files go up in parts
MISSING = {"NoSuchKey", "404", "NotFound"}
CHANGED = {"PreconditionFailed", "412"}


class Bucket:
    """A bucket as one component sees it."""

    client: S3Client

    def __init__(self, metadata: S3Metadata) -> None:
        self.metadata = metadata
        self.name = metadata.bucket
        self._session = AwsSession(metadata, THREADS)

    async def open(self, *, lists: bool) -> None:
        """`lists`: whether its keys must be shown; who only writes may be forbidden to see them.

        Raises `DefinitionError` for what a person must change, `NotReady` when the service does not answer.
        """
        address = self.metadata.address
        self.client = await self._session.client(
            "s3",
            endpoint=address,
            verify=False if self.metadata.insecure_ssl else None,
            signature_version="s3v4",  # of presigned URLs as well
            s3={"addressing_style": "path" if self.metadata.force_path_style else "auto"},
            # Not every service that speaks the protocol knows the newer checksums.
            request_checksum_calculation="when_required" if address else "when_supported",
            response_checksum_validation="when_required" if address else "when_supported",
        )
        try:
            await self.call(self.client.list_objects_v2, Bucket=self.name, Prefix=self.metadata.prefix, MaxKeys=1)
        except FAILURES as error:
            if lists or error_code(error) != "AccessDenied":
                raise refusal(error, f"bucket {self.name}") from error

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In a thread; raises one of `FAILURES`."""
        return await self._session.call(function, *args, **kwargs)

    def presigned(self, key: str, ttl: float) -> str:
        """A URL for a GET, good for so many seconds. Signing sends nothing, and takes no time to speak of."""
        return self.client.generate_presigned_url(
            "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=max(1, round(ttl))
        )

    def upload(
        self, key: str, source: bytes | Path, decode_base64: bool, extra: Mapping[str, str | None]
    ) -> str | None:
        """Gives the version's id, in a bucket that has versions. Blocks."""
        client, bucket = self.client, self.name
        given: Any = {name: value for name, value in extra.items() if value}
        if isinstance(source, Path) and (decode_base64 or source.stat().st_size <= _ONE_REQUEST):
            source = source.read_bytes()
        if isinstance(source, bytes):
            body = from_base64(source) if decode_base64 else source
            return client.put_object(Bucket=bucket, Key=key, Body=body, **given).get("VersionId")
        with source.open("rb") as file:
            client.upload_fileobj(file, bucket, key, ExtraArgs=given, Config=TransferConfig(use_threads=False))
        return client.head_object(Bucket=bucket, Key=key).get("VersionId")

    def download(self, key: str) -> bytes:
        """Blocks."""
        with self.client.get_object(Bucket=self.name, Key=key)["Body"] as body:
            return body.read()

    def download_to(self, key: str, path: Path, encoded: bool) -> None:
        """Blocks."""
        if encoded:
            path.write_bytes(base64.b64encode(self.download(key)))
            return
        with self.client.get_object(Bucket=self.name, Key=key)["Body"] as body, path.open("wb") as file:
            shutil.copyfileobj(body, file, 2**20)

    def close(self) -> None:
        self._session.close()


def not_ready(error: Exception, bucket: str) -> NotReady:
    """For `read`: what a person must change is said by the next `open`."""
    return NotReady(str(refusal(error, f"bucket {bucket}")))
