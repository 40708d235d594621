from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

from azure.storage.blob import ContentSettings

from bindings.azure.blobstorage.container import AT_ONCE, MISSING, Container
from bindings.azure.blobstorage.metadata import BlobStorageMetadata
from bindings.azure.blobstorage.payloads import (
    Create,
    Creates,
    Deletes,
    Get,
    Gets,
    List,
    as_go_writes,
    headers_and_metadata,
    snapshots,
)
from bindings.azure.failure import FAILURES, error_code, failure
from bindings.contract import Operation, Result
from bindings.object_operations import (
    answer,
    content,
    each,
    flag,
    from_base64,
    in_lanes,
    name_of,
    payload,
    required,
    seconds,
)
from engine.errors import EventError, Permanent, of_status

Item = TypeVar("Item", Get, Create)

_LISTED_AT_ONCE = 5000
_DELETED_AT_ONCE = 256  # what one batch takes
_NOT_FOUND = "blob not found"


class BlobStorageOutput:
    """Answers as Dapr's binding does (components-contrib, bindings/azure/blobstorage/blobstorage.go)."""

    def __init__(self, metadata: BlobStorageMetadata) -> None:
        self._metadata = metadata
        self._container = Container(metadata)
        self._free = asyncio.Semaphore(AT_ONCE)
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
        await self._container.open()

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        return await in_lanes(operations, _name, self._invoke)

    async def close(self) -> None:
        await self._container.close()

    async def _invoke(self, operation: Operation) -> Result:
        perform = self._operations.get(operation.name)
        if perform is None:
            raise Permanent(f"there is no operation {operation.name!r}; there are {', '.join(self._operations)}")
        async with self._free:
            return await perform(operation)

    async def _create(self, operation: Operation) -> Result:
        name = _name(operation)
        ttl = seconds(operation, "signTTL", None)
        written = {"blobURL": self._container.blob(name).url, "blobName": name}
        if ttl is not None:  # before the upload: what cannot be signed is not written
            written["presignURL"] = self._container.signed(name, ttl)
        data, content_type = content(operation.event, decode_base64=self._metadata.decode_base64)
        settings, own = headers_and_metadata(operation.metadata, content_type)
        with _translated(f"create {name}"):
            await self._upload(name, data, settings, own)
        return Result(answer(written), {"blobName": name}, landed=written["blobURL"])

    async def _get(self, operation: Operation) -> Result:
        name = required(operation, "blobName")
        landed = self._container.blob(name).url
        with _translated(f"get {name}"):
            if file_path := operation.metadata.get("filePath"):
                await self._download_to(name, Path(file_path))
                return Result(metadata={"filePath": file_path}, landed=landed)
            download = await self._container.blob(name).download_blob()
            data = await download.readall()
        own = download.properties.metadata if flag(operation, "includeMetadata", False) else {}
        return Result(data, own or {}, landed=landed)

    async def _delete(self, operation: Operation) -> Result:
        name = required(operation, "blobName")
        blob = self._container.blob(name)
        option = snapshots(operation.metadata.get("deleteSnapshots"))
        with _translated(f"delete {name}"):
            await blob.delete_blob(delete_snapshots=option)
        return Result(landed=blob.url)

    async def _list(self, operation: Operation) -> Result:
        wanted = payload(operation, List)
        most = wanted.max_results if wanted.max_results > 0 else _LISTED_AT_ONCE
        pages = self._container.client.list_blobs(
            wanted.prefix or None, include=wanted.include.names, results_per_page=most
        ).by_page(wanted.marker or None)
        blobs: list[dict[str, Any]] = []
        turned = 0
        with _translated("list"):
            async for page in pages:
                blobs += [as_go_writes(blob) async for blob in page]
                turned += 1
                if len(blobs) >= most:
                    break
        marker = pages.continuation_token or ""  # type: ignore[attr-defined] # which the type of pages does not tell
        told = {"marker": marker, "number": str(len(blobs)), "pagesTraversed": str(turned)}
        return Result(answer(blobs), told, landed=self._container.client.url)

    async def _presign(self, operation: Operation) -> Result:
        name, ttl = required(operation, "blobName"), seconds(operation, "signTTL", None)
        if ttl is None:
            raise Permanent("presign needs `signTTL` in the metadata of the operation")
        return Result(answer({"presignURL": self._container.signed(name, ttl)}), landed=self._container.blob(name).url)

    async def _bulk_get(self, operation: Operation) -> Result:
        wanted = payload(operation, Gets)
        items = [item for item in wanted.items if item.blob_name]
        if wanted.prefix:
            if not wanted.destination_dir:
                raise Permanent("bulkGet with a prefix needs `destinationDir`")
            named = {item.blob_name for item in items}
            names = [name for name in await self._names(wanted.prefix) if name not in named]
            items += [
                Get(blobName=name, filePath=str(Path(wanted.destination_dir) / _confined(name))) for name in names
            ]
        if not items:
            raise Permanent("bulkGet needs `items` or a `prefix` that blobs have")

        async def get(item: Get) -> dict[str, object]:
            if item.file_path:
                await self._download_to(item.blob_name, Path(item.file_path))
                return {"filePath": item.file_path}
            download = await self._container.blob(item.blob_name).download_blob()
            data = await download.readall()
            return {"data": base64.b64encode(data).decode()} if data else {}

        return await self._bulk(items, wanted.concurrency, get)

    async def _bulk_create(self, operation: Operation) -> Result:
        wanted = payload(operation, Creates)
        for number, item in enumerate(wanted.items):
            if item.data is None and not item.source_path:
                raise Permanent(f"item at index {number} is missing both data and sourcePath")

        async def create(item: Create) -> dict[str, object]:
            settings = ContentSettings(content_type=item.content_type)
            path = Path(item.source_path or "")
            if item.data is None and not self._metadata.decode_base64:
                with await asyncio.to_thread(path.open, "rb") as file:
                    await self._upload(item.blob_name, file, settings)
            else:
                data = item.data.encode() if item.data is not None else await asyncio.to_thread(path.read_bytes)
                await self._upload(item.blob_name, self._decoded(data), settings)
            return {"blobURL": self._container.blob(item.blob_name).url}

        return await self._bulk(wanted.items, wanted.concurrency, create)

    async def _bulk_delete(self, operation: Operation) -> Result:
        wanted = payload(operation, Deletes)
        option = snapshots(wanted.delete_snapshots)
        names = [name for name in wanted.blob_names if name]
        names = list(dict.fromkeys(names + (await self._names(wanted.prefix) if wanted.prefix else [])))
        if not names:
            raise Permanent("bulkDelete needs `blobNames` or a `prefix` that blobs have")
        results: list[dict[str, object]] = []
        for start in range(0, len(names), _DELETED_AT_ONCE):
            results += await self._delete_all(names[start : start + _DELETED_AT_ONCE], option)
        return self._answered(results)

    async def _delete_all(self, names: Sequence[str], option: str | None) -> list[dict[str, object]]:
        """In one request. Those of one name are done one after the other."""
        results: list[dict[str, object]] = []
        with _translated("bulkDelete"):
            responses = await self._container.client.delete_blobs(
                *names, delete_snapshots=option, raise_on_any_failure=False
            )
            statuses = [(one.status_code, one.headers.get("x-ms-error-code", "")) async for one in responses]
        for name, (status, code) in zip(names, statuses, strict=True):
            if status < 300:
                results.append({"blobName": name})
                continue
            meaning = of_status(status, f"delete {name}: {code}")
            if not isinstance(meaning, Permanent):
                raise meaning
            results.append({"blobName": name, "error": _NOT_FOUND if code in MISSING else str(meaning)})
        return results

    async def _bulk(
        self, items: Sequence[Item], concurrency: int | None, perform: Callable[[Item], Awaitable[dict[str, object]]]
    ) -> Result:
        async def one(item: Item) -> dict[str, object]:
            try:
                with _translated(item.blob_name):
                    return {"blobName": item.blob_name, **await perform(item)}
            except Permanent as error:
                return {"blobName": item.blob_name, "error": str(error)}

        return self._answered(await each(items, concurrency, one))

    def _answered(self, results: Sequence[dict[str, object]]) -> Result:
        return Result(answer(results), {"number": str(len(results))}, landed=self._container.client.url)

    async def _names(self, prefix: str) -> list[str]:
        with _translated(f"list {prefix}"):
            return [name async for name in self._container.client.list_blob_names(name_starts_with=prefix)]

    def _decoded(self, data: bytes) -> bytes:
        return from_base64(data) if self._metadata.decode_base64 else data

    async def _upload(
        self, name: str, data: bytes | BinaryIO, settings: ContentSettings, own: dict[str, str] | None = None
    ) -> None:
        await self._container.blob(name).upload_blob(data, overwrite=True, content_settings=settings, metadata=own)

    async def _download_to(self, name: str, path: Path) -> None:
        """A file whose download fails is removed again."""
        download = await self._container.blob(name).download_blob()
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        with await asyncio.to_thread(path.open, "wb") as file:
            try:
                await download.readinto(file)
            except BaseException:
                os.unlink(path)
                raise


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        if error_code(error) in MISSING:
            raise Permanent(_NOT_FOUND, status=404) from error
        raise failure(error, doing) from error
    except OSError as error:
        raise Permanent(f"{doing}: the file {error.filename!r}: {error.strerror}") from error


def _name(operation: Operation) -> str:
    return operation.metadata.get("blobName") or name_of(operation.event)


def _confined(name: str) -> PurePosixPath:
    """The path of a blob's name below a folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise Permanent(f"the blob {name!r} would be written outside of destinationDir")
    return path
