from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from boto3.s3.transfer import TransferConfig

from bindings.aws.s3.bucket import CHANGED, MISSING, Bucket, not_ready
from bindings.aws.s3.metadata import S3Metadata
from bindings.aws.session import FAILURES, error_code, failure
from bindings.contract import Context, Received
from bindings.objects import BYTES_TYPE, Fetched, Habits, ObjectInput, Page, content_type_of, waiting
from bindings.pattern import compile_pattern
from engine.errors import Permanent
from engine.event import Attribute, rfc3339

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, GetObjectOutputTypeDef, HeadObjectOutputTypeDef

_log = logging.getLogger("jackfield.s3")
_PAGE = 1000  # objects: as many as one request lists
_LARGEST_COPY = 5 * 2**30  # bytes: what one CopyObject copies
_PLAIN = ("", "identity")  # content encodings
_GONE = MISSING | CHANGED


class S3Object(NamedTuple):
    """One version of an object."""

    key: str
    etag: str
    size: int  # bytes
    modified: float  # seconds since the epoch


class Head(NamedTuple):
    """What is known of an object beside its content."""

    content_type: str
    content_encoding: str
    version: str
    user: Mapping[str, str]


def make_input(metadata: S3Metadata, context: Context) -> ObjectInput[S3Object]:
    """New and changed objects as events."""
    habits = Habits(_scope(context), metadata.poll_interval, metadata.max_inline_size, metadata.look_back)
    return ObjectInput(S3Place(metadata), habits, context)


async def peek(metadata: S3Metadata, context: Context, limit: int) -> Sequence[Received]:
    place = S3Place(metadata)
    try:
        await place.open()
        return await waiting(place, await context.store.marks(_scope(context)), limit)
    finally:
        await place.close()


def _scope(context: Context) -> str:
    return f"s3/{context.name}"


class S3Place:
    """A bucket as a place of objects. Keys are listed in their order, so that a page begins behind a key."""

    def __init__(self, metadata: S3Metadata) -> None:
        self._metadata = metadata
        self._bucket = Bucket(metadata)
        self._pattern = compile_pattern(metadata.pattern)

    async def open(self) -> None:
        await self._bucket.open(lists=True)

    async def page(self, start: str | None) -> Page[S3Object]:
        try:
            listed = await self._bucket.call(
                self._bucket.client.list_objects_v2,
                Bucket=self._bucket.name,
                Prefix=self._metadata.prefix,
                StartAfter=start or "",
                MaxKeys=_PAGE,
            )
        except FAILURES as error:
            raise not_ready(error, self._bucket.name) from error
        objects = [
            S3Object(one["Key"], one["ETag"].strip('"'), one["Size"], one["LastModified"].timestamp())
            for one in listed.get("Contents", ())
        ]
        return Page(
            [one for one in objects if self.takes(one.key)],
            {one.key for one in objects},
            objects[-1].key if listed["IsTruncated"] else None,
        )

    async def fetch(self, versions: Sequence[S3Object]) -> Fetched[S3Object]:
        fetched = await asyncio.gather(*(self._fetch(version) for version in versions))
        return Fetched(
            [one for one in fetched if isinstance(one, Received)],
            [one for one in fetched if isinstance(one, S3Object)],
        )

    async def finish(self, versions: Sequence[S3Object]) -> Sequence[S3Object]:
        if self._metadata.on_done == "keep":
            return ()
        gone = await asyncio.gather(*(self._bucket.call(self._finish, version) for version in versions))
        return [version for version, is_gone in zip(versions, gone, strict=True) if is_gone]

    async def close(self) -> None:
        self._bucket.close()

    def takes(self, key: str) -> bool:
        """Whether the object of a key below the prefix becomes an event."""
        target = self._metadata.move_to
        if key.endswith("/") or (target and key.startswith(target)):
            return False
        return self._pattern.fullmatch(key) is not None

    async def _fetch(self, version: S3Object) -> Received | S3Object | None:
        """The version itself when it cannot be read, None when it went or changed since it was listed."""
        try:
            head, data = await self._bucket.call(self._get, version)
        except FAILURES as error:
            if error_code(error) in _GONE:
                return None
            meaning = failure(error, f"get {version.key}")
            if not isinstance(meaning, Permanent) or error_code(error) == "NoSuchBucket":
                raise not_ready(error, self._bucket.name) from error
            _log.warning("s3://%s/%s is left out until it changes: %s", self._bucket.name, version.key, meaning)
            return version
        return self._message(version, head, data)

    def _get(self, version: S3Object) -> tuple[Head, bytes | None]:
        client, bucket, match = self._bucket.client, self._bucket.name, f'"{version.etag}"'
        if version.size > self._metadata.max_inline_size:
            head = client.head_object(Bucket=bucket, Key=version.key, IfMatch=match)
            return _head(version.key, head), None
        got = client.get_object(Bucket=bucket, Key=version.key, IfMatch=match)
        with got["Body"] as body:
            return _head(version.key, got), body.read()

    def _finish(self, version: S3Object) -> bool:
        """Whether the object is gone from its place, or changed and thereby new. Blocks."""
        client, bucket, match = self._bucket.client, self._bucket.name, f'"{version.etag}"'
        try:
            if self._metadata.on_done == "move":
                self._copy(version, self._metadata.moved(version.key))
            client.delete_object(Bucket=bucket, Key=version.key, IfMatch=match)
        except FAILURES as error:
            if error_code(error) in _GONE:
                return True
            meaning = failure(error, f"{self._metadata.on_done} s3://{bucket}/{version.key}")
            if not isinstance(meaning, Permanent):
                raise meaning from error
            _log.warning("s3://%s/%s is done, and stays: %s", bucket, version.key, meaning)
            return False
        return True

    def _copy(self, version: S3Object, target: str) -> None:
        client, bucket, match = self._bucket.client, self._bucket.name, f'"{version.etag}"'
        source: CopySourceTypeDef = {"Bucket": bucket, "Key": version.key}
        if version.size <= _LARGEST_COPY:
            client.copy_object(Bucket=bucket, Key=target, CopySource=source, CopySourceIfMatch=match)
        else:
            conditions = {"CopySourceIfMatch": match}
            client.copy(source, bucket, target, ExtraArgs=conditions, Config=TransferConfig(use_threads=False))

    def _message(self, version: S3Object, head: Head, data: bytes | None) -> Received:
        modified = rfc3339(version.modified)
        attributes: dict[str, Attribute] = {
            "subject": version.key,
            "time": modified,
            "datacontenttype": head.content_type if head.content_encoding in _PLAIN else BYTES_TYPE,
        }
        if data is None:
            # https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md
            ttl = self._metadata.presign_ttl
            place = f"s3://{self._bucket.name}/{quote(version.key)}"
            attributes["dataref"] = self._bucket.presigned(version.key, ttl) if ttl else place
        metadata = {
            **head.user,
            "key": version.key,
            "fileName": version.key.rpartition("/")[2],
            "bucket": self._bucket.name,
            "size": str(version.size),
            "etag": version.etag,
            "contentType": head.content_type,
            "lastModified": modified,
        }
        optional = {"contentEncoding": head.content_encoding, "versionId": head.version}
        metadata.update({name: value for name, value in optional.items() if value})
        return Received(f"{version.key}@{version.etag}", data, attributes, metadata, handle=version)


def _head(key: str, answer: GetObjectOutputTypeDef | HeadObjectOutputTypeDef) -> Head:
    return Head(
        content_type_of(key, answer.get("ContentType", "")),
        answer.get("ContentEncoding", ""),
        answer.get("VersionId", ""),
        answer.get("Metadata", {}),
    )
