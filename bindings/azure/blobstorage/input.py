from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from azure.core import MatchConditions
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient

from bindings.azure.blobstorage.container import AT_ONCE, CHANGED, MISSING, Container
from bindings.azure.blobstorage.metadata import BlobStorageMetadata
from bindings.azure.failure import FAILURES, error_code, failure, refusal
from bindings.contract import Context, Received
from bindings.objects import BYTES_TYPE, Fetched, Habits, ObjectInput, Page, content_type_of, waiting
from bindings.pattern import compile_pattern
from engine.errors import NotReady, Permanent, Retryable
from engine.event import Attribute, rfc3339

_log = logging.getLogger("jackfield.blobstorage")
_PAGE = 250  # blobs: taking them apart holds up the event loop, for 0.2 ms each
_COPY_POLL = 0.5  # seconds
_GONE = MISSING | CHANGED
_PLAIN = (None, "", "identity")  # content encodings


class Blob(NamedTuple):
    """One version of a blob."""

    key: str
    etag: str
    size: int  # bytes
    modified: float  # seconds since the epoch


def make_input(metadata: BlobStorageMetadata, context: Context) -> ObjectInput[Blob]:
    """New and changed blobs as events."""
    habits = Habits(_scope(context), metadata.poll_interval, metadata.max_inline_size)
    return ObjectInput(BlobPlace(metadata), habits, context)


async def peek(metadata: BlobStorageMetadata, context: Context, limit: int) -> Sequence[Received]:
    place = BlobPlace(metadata.model_copy(update={"disable_entity_management": True}))
    try:
        await place.open()
        return await waiting(place, await context.store.marks(_scope(context)), limit)
    finally:
        await place.close()


def _scope(context: Context) -> str:
    return f"blobstorage/{context.name}"


class BlobPlace:
    """A container as a place of objects, listed by the service's own markers."""

    def __init__(self, metadata: BlobStorageMetadata) -> None:
        self._metadata = metadata
        self._container = Container(metadata)
        self._pattern = compile_pattern(metadata.pattern)
        self._free = asyncio.Semaphore(AT_ONCE)

    async def open(self) -> None:
        await self._container.open()

    async def page(self, start: str | None) -> Page[Blob]:
        listing = self._container.client.list_blobs(self._metadata.prefix or None, results_per_page=_PAGE)
        pages = listing.by_page(start)
        try:
            blobs = [
                Blob(one.name, one.etag.strip('"'), one.size, one.last_modified.timestamp())
                async for one in await anext(pages)
            ]
        except StopAsyncIteration:
            blobs = []
        except FAILURES as error:
            raise self._not_ready(error) from error
        return Page(
            [one for one in blobs if self.takes(one.key)],
            {one.key for one in blobs},
            pages.continuation_token or None,  # type: ignore[attr-defined] # which the type of pages does not tell
        )

    async def fetch(self, versions: Sequence[Blob]) -> Fetched[Blob]:
        fetched = await asyncio.gather(*(self._fetch(version) for version in versions))
        return Fetched(
            [one for one in fetched if isinstance(one, Received)], [one for one in fetched if isinstance(one, Blob)]
        )

    async def finish(self, versions: Sequence[Blob]) -> Sequence[Blob]:
        if self._metadata.on_done == "keep":
            return ()
        gone = await asyncio.gather(*(self._finish(version) for version in versions))
        return [version for version, is_gone in zip(versions, gone, strict=True) if is_gone]

    async def close(self) -> None:
        await self._container.close()

    def takes(self, name: str) -> bool:
        """Whether a blob below the prefix becomes an event."""
        target = self._metadata.move_to
        if name.endswith("/") or (target and name.startswith(target)):
            return False
        return self._pattern.fullmatch(name) is not None

    async def _fetch(self, version: Blob) -> Received | Blob | None:
        """The version itself when it cannot be read, None when it went or changed since it was listed."""
        blob = self._container.blob(version.key)
        try:
            async with self._free:
                properties, data = await self._get(blob, version)
        except FAILURES as error:
            if error_code(error) in _GONE:
                return None
            if not isinstance(failure(error, "get"), Permanent) or error_code(error) == "ContainerNotFound":
                raise self._not_ready(error) from error
            _log.warning("%s is left out until it changes: %s", blob.url, failure(error, "get"))
            return version
        return self._message(version, blob, properties, data)

    async def _get(self, blob: BlobClient, version: Blob) -> tuple[BlobProperties, bytes | None]:
        condition = _unchanged(version)
        if version.size > self._metadata.max_inline_size:
            return await blob.get_blob_properties(**condition), None
        download = await blob.download_blob(**condition)
        return download.properties, await download.readall()

    async def _finish(self, version: Blob) -> bool:
        """Whether the blob is gone from its place, or changed and thereby new."""
        blob = self._container.blob(version.key)
        condition = _unchanged(version)
        try:
            async with self._free:
                if self._metadata.on_done == "move":
                    await self._copy(blob, version)
                await blob.delete_blob(**condition)
        except FAILURES as error:
            if error_code(error) in _GONE:
                return True
            meaning = failure(error, f"{self._metadata.on_done} {blob.url}")
            if not isinstance(meaning, Permanent):
                raise meaning from error
            _log.warning("%s is done, and stays: %s", blob.url, meaning)
            return False
        return True

    async def _copy(self, blob: BlobClient, version: Blob) -> None:
        """Returns when the copy is whole; within one account that is mostly at once."""
        target = self._container.blob(self._metadata.moved(version.key))
        match = MatchConditions.IfNotModified
        copy = await target.start_copy_from_url(blob.url, source_etag=f'"{version.etag}"', source_match_condition=match)
        status = str(copy["copy_status"])
        while status == "pending":
            await asyncio.sleep(_COPY_POLL)
            status = str((await target.get_blob_properties()).copy.status)
        if status != "success":
            raise Retryable(f"the copy of {blob.url} ended with {status}")

    def _not_ready(self, error: Exception) -> NotReady:
        """What a person must change is said by the next `open`."""
        return NotReady(str(refusal(error, f"container {self._container.name}")))

    def _message(self, version: Blob, blob: BlobClient, known: BlobProperties, data: bytes | None) -> Received:
        modified = rfc3339(version.modified)
        encoding = known.content_settings.content_encoding
        content_type = content_type_of(version.key, known.content_settings.content_type or "")
        attributes: dict[str, Attribute] = {
            "subject": version.key,
            "time": modified,
            "datacontenttype": content_type if encoding in _PLAIN else BYTES_TYPE,
        }
        if data is None:
            # https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md
            ttl = self._metadata.sign_ttl
            attributes["dataref"] = self._container.signed(version.key, ttl) if ttl else blob.url
        metadata = {
            **(known.metadata or {}),
            "key": version.key,
            "fileName": version.key.rpartition("/")[2],
            "container": self._container.name,
            "size": str(version.size),
            "etag": version.etag,
            "contentType": content_type,
            "lastModified": modified,
        }
        if encoding:
            metadata["contentEncoding"] = encoding
        return Received(f"{version.key}@{version.etag}", data, attributes, metadata, handle=version)


def _unchanged(version: Blob) -> dict[str, Any]:
    return {"etag": f'"{version.etag}"', "match_condition": MatchConditions.IfNotModified}
