from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import quote

from pydantic import Field

from bindings.aws.s3.bucket import MISSING, Bucket
from bindings.aws.s3.metadata import S3Metadata
from bindings.aws.session import FAILURES, answered, error_code, failure
from bindings.contract import Operation, Result
from bindings.object_operations import (
    Payload,
    answer,
    content,
    each,
    flag,
    in_lanes,
    name_of,
    payload,
    required,
    seconds,
)
from engine.errors import EventError, Permanent

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item", "Get", "Create")

_DELETED_AT_ONCE = 1000  # what one DeleteObjects takes
_LONGEST = 7 * 86400  # seconds that a signature is good for
_LISTED_AT_ONCE = 1000


class List(Payload):
    marker: str = ""
    prefix: str = ""
    max_results: int = 0
    delimiter: str = ""


class Get(Payload):
    key: str = ""
    file_path: str | None = None


class Gets(Payload):
    items: Sequence[Get] = Field(min_length=1)
    concurrency: int | None = None


class Create(Payload):
    key: str = ""
    data: str | None = None
    content_type: str | None = None
    file_path: str | None = None


class Creates(Payload):
    items: Sequence[Create] = Field(min_length=1)
    concurrency: int | None = None


class Deletes(Payload):
    keys: Sequence[str] = Field(min_length=1)


class S3Output:
    """Answers as Dapr's binding does (components-contrib, bindings/aws/s3/s3.go)."""

    def __init__(self, metadata: S3Metadata) -> None:
        self._metadata = metadata
        self._bucket = Bucket(metadata)
        self._operations = {
            "create": self._create,
            "get": self._get,
            "delete": self._delete,
            "list": self._list,
            "presign": self._presign,
            "bulkGet": self._bulk_get,
            "bulkCreate": self._bulk_create,
            "bulkDelete": self._bulk_delete,
        }

    async def open(self) -> None:
        await self._bucket.open(lists=False)

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        return await in_lanes(operations, _key, self._invoke)

    async def close(self) -> None:
        self._bucket.close()

    async def _invoke(self, operation: Operation) -> Result:
        perform = self._operations.get(operation.name)
        if perform is None:
            raise Permanent(f"there is no operation {operation.name!r}; there are {', '.join(self._operations)}")
        return await perform(operation)

    async def _create(self, operation: Operation) -> Result:
        key = _key(operation)
        ttl = self._ttl(operation)
        decode_base64 = flag(operation, "decodeBase64", self._metadata.decode_base64)
        file_path = operation.metadata.get("filePath") or self._metadata.file_path
        source: bytes | Path
        if file_path:
            source, content_type = Path(file_path), None
        else:
            source, content_type = content(operation.event, decode_base64=decode_base64)
            decode_base64 = False
        extra = {
            "ContentType": operation.metadata.get("Content-Type", "").strip() or content_type,
            "StorageClass": operation.metadata.get("storageClass") or self._metadata.storage_class,
            "Tagging": _tags(operation.metadata.get("tags", "")),
        }
        version = await self._call(f"create {key}", self._bucket.upload, key, source, decode_base64, extra)
        written = {"location": location_of(self._metadata, key), "versionID": version}
        if ttl is not None:
            written["presignURL"] = self._bucket.presigned(key, ttl)
        return Result(answer(written), {"key": key}, landed=self._landed(key))

    async def _get(self, operation: Operation) -> Result:
        key = required(operation, "key")
        data = await self._call(f"get {key}", self._bucket.download, key)
        encoded = flag(operation, "encodeBase64", self._metadata.encode_base64)
        return Result(base64.b64encode(data) if encoded else data, landed=self._landed(key))

    async def _delete(self, operation: Operation) -> Result:
        key = required(operation, "key")
        await self._call(f"delete {key}", self._bucket.client.delete_object, Bucket=self._bucket.name, Key=key)
        return Result(landed=self._landed(key))

    async def _list(self, operation: Operation) -> Result:
        wanted = payload(operation, List)
        listed = await self._call(
            "list",
            self._bucket.client.list_objects,
            Bucket=self._bucket.name,
            Marker=wanted.marker,
            Prefix=wanted.prefix,
            Delimiter=wanted.delimiter,
            MaxKeys=wanted.max_results if wanted.max_results > 0 else _LISTED_AT_ONCE,
        )
        return Result(answer(_as_go_writes(listed)), landed=self._landed(wanted.prefix))

    async def _presign(self, operation: Operation) -> Result:
        key, ttl = required(operation, "key"), self._ttl(operation)
        if ttl is None:
            raise Permanent("presign needs `presignTTL`, in the metadata of the operation or of the component")
        return Result(answer({"presignURL": self._bucket.presigned(key, ttl)}), landed=self._landed(key))

    async def _bulk_get(self, operation: Operation) -> Result:
        wanted = payload(operation, Gets)
        encoded = flag(operation, "encodeBase64", self._metadata.encode_base64)

        async def get(item: Get) -> dict[str, object]:
            if item.file_path is not None:
                await self._call(f"get {item.key}", self._bucket.download_to, item.key, Path(item.file_path), encoded)
                return {}
            data = await self._call(f"get {item.key}", self._bucket.download, item.key)
            # Other bytes than UTF-8 come through only as base64.
            return {"data": base64.b64encode(data).decode() if encoded else data.decode(errors="replace")}

        return await self._bulk(wanted.items, wanted.concurrency, get)

    async def _bulk_create(self, operation: Operation) -> Result:
        wanted = payload(operation, Creates)
        decode_base64 = flag(operation, "decodeBase64", self._metadata.decode_base64)

        async def create(item: Create) -> dict[str, object]:
            if item.file_path is None and item.data is None:
                raise Permanent("either data or filePath is required")
            source = Path(item.file_path) if item.file_path is not None else (item.data or "").encode()
            extra = {"ContentType": item.content_type}
            await self._call(f"create {item.key}", self._bucket.upload, item.key, source, decode_base64, extra)
            return {"location": location_of(self._metadata, item.key)}

        return await self._bulk(wanted.items, wanted.concurrency, create)

    async def _bulk_delete(self, operation: Operation) -> Result:
        wanted = payload(operation, Deletes)
        keys = list(dict.fromkeys(key for key in wanted.keys if key.strip()))
        errors: dict[str, str] = {}
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
            deleted = await self._call(
                "bulkDelete",
                self._bucket.client.delete_objects,
                Bucket=self._bucket.name,
                Delete={"Objects": objects, "Quiet": True},
            )
            for error in deleted.get("Errors", ()):
                meaning = answered(error.get("Code", ""), f"delete {error['Key']}: {error.get('Message', '')}", 400)
                if not isinstance(meaning, Permanent):
                    raise meaning
                errors[error["Key"]] = error.get("Message", "unknown error")
        results = []
        for key in wanted.keys:
            why = errors.get(key) if key.strip() else "key is required"
            results.append({"key": key, "error": why} if why else {"key": key})
        return Result(answer(results), landed=self._landed(""))

    async def _bulk(
        self, items: Sequence[Item], concurrency: int | None, perform: Callable[[Item], Awaitable[dict[str, object]]]
    ) -> Result:
        async def one(item: Item) -> dict[str, object]:
            try:
                if not item.key:
                    raise Permanent("key is required")
                return {"key": item.key, **await perform(item)}
            except Permanent as error:
                return {"key": item.key, "error": str(error)}

        return Result(answer(await each(items, concurrency, one)), landed=self._landed(""))

    async def _call(self, doing: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._bucket.call(function, *args, **kwargs)
        except FAILURES as error:
            if error_code(error) in MISSING:
                raise Permanent("object not found", status=404) from error
            raise failure(error, doing) from error
        except OSError as error:
            raise Permanent(f"{doing}: the file {error.filename!r}: {error.strerror}") from error

    def _ttl(self, operation: Operation) -> float | None:
        ttl = seconds(operation, "presignTTL", self._metadata.presign_ttl)
        if ttl is not None and ttl > _LONGEST:
            raise Permanent("presignTTL is more than 7 days, which is the longest that a signature is good for")
        return ttl

    def _landed(self, key: str) -> str:
        return f"s3://{self._bucket.name}/{key}"


def location_of(metadata: S3Metadata, key: str) -> str:
    if metadata.address:
        return f"{metadata.address.rstrip('/')}/{metadata.bucket}/{key}"
    if metadata.force_path_style:
        return f"https://s3.amazonaws.com/{metadata.bucket}/{key}"
    return f"https://{metadata.bucket}.s3.amazonaws.com/{key}"


def _key(operation: Operation) -> str:
    return operation.metadata.get("key") or name_of(operation.event)


def _tags(given: str) -> str:
    """`a=1, b=2` as S3 takes it."""
    tags = []
    for tag in given.split(",") if given else ():
        name, _, value = (part.strip() for part in tag.partition("="))
        if not name or not value:
            raise Permanent(f"tags: {tag.strip()!r} is not like name=value")
        tags.append(f"{quote(name)}={quote(value)}")
    return "&".join(tags)


def _as_go_writes(listed: Mapping[str, Any]) -> dict[str, Any]:
    """A listing as Dapr's binding gives it, which writes the answer of AWS's Go library."""
    contents = [
        {name: one.get(name) for name in ("ETag", "Key", "LastModified", "Owner", "Size", "StorageClass")}
        for one in listed.get("Contents", ())
    ]
    names = ("CommonPrefixes", "Delimiter", "IsTruncated", "Marker", "MaxKeys", "Name", "NextMarker", "Prefix")
    return {"Contents": contents, **{name: listed.get(name) for name in names}}
