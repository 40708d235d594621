"""What the operations take and give, as Dapr's binding has it (components-contrib, bindings/azure/blobstorage)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from azure.storage.blob import BlobProperties, ContentSettings
from pydantic import Field

from bindings.object_operations import Payload
from engine.errors import Permanent

_HEADERS = {
    "contenttype": "content_type",
    "contentencoding": "content_encoding",
    "contentlanguage": "content_language",
    "contentdisposition": "content_disposition",
    "cachecontrol": "cache_control",
}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]")
_NOT_IN_VALUES = re.compile(r"[^\t\x20-\x7e]")


class Include(Payload):
    copy_: bool = Field(False, alias="copy")
    metadata: bool = False
    snapshots: bool = False
    uncommitted_blobs: bool = False
    deleted: bool = False

    @property
    def names(self) -> list[str]:
        chosen = {
            "copy": self.copy_,
            "metadata": self.metadata,
            "snapshots": self.snapshots,
            "uncommittedblobs": self.uncommitted_blobs,
            "deleted": self.deleted,
        }
        return [name for name, is_chosen in chosen.items() if is_chosen]


class List(Payload):
    marker: str = ""
    prefix: str = ""
    max_results: int = 0
    include: Include = Include()


class Get(Payload):
    blob_name: str = ""
    file_path: str | None = None


class Gets(Payload):
    items: Sequence[Get] = ()
    prefix: str | None = None
    destination_dir: str | None = None
    concurrency: int | None = None


class Create(Payload):
    blob_name: str = Field(min_length=1)
    data: str | None = None
    source_path: str | None = None
    content_type: str | None = None


class Creates(Payload):
    items: Sequence[Create] = Field(min_length=1)
    concurrency: int | None = None


class Deletes(Payload):
    prefix: str | None = None
    blob_names: Sequence[str] = ()
    delete_snapshots: str | None = None
    concurrency: int | None = None


def headers_and_metadata(given: Mapping[str, str], content_type: str | None) -> tuple[ContentSettings, dict[str, str]]:
    """What of an operation's metadata are headers of the blob, by their names in any case; the rest are its own.

    Azure takes names of letters and digits, and values of ASCII: the rest is left out of them, as Dapr does it.
    """
    headers: dict[str, Any] = {"content_type": content_type}
    metadata = {}
    for name, value in given.items():
        if name in ("blobName", "signTTL"):
            continue
        if header := _HEADERS.get(name.lower()):
            headers[header] = value or headers.get(header)
        elif name.lower() == "contentmd5":
            headers["content_md5"] = _md5(value)
        else:
            metadata[_NOT_IN_NAMES.sub("", name)] = _NOT_IN_VALUES.sub("", value)
    return ContentSettings(**headers), metadata


def _md5(text: str) -> bytearray | None:
    try:
        digest = base64.b64decode(text, validate=True)
    except ValueError:
        digest = b""
    if text and len(digest) != 16:
        raise Permanent("contentMD5 is not an MD5 digest in base64")
    return bytearray(digest) if text else None


def snapshots(option: str | None) -> str | None:
    if option and option not in ("include", "only"):
        raise Permanent(f"deleteSnapshots is {option!r}; there are include and only")
    return option or None


def as_go_writes(blob: BlobProperties) -> dict[str, Any]:
    """A blob of a listing as Dapr's binding gives it, which writes the answer of Azure's Go library."""
    settings = blob.content_settings
    return {
        "Name": blob.name,
        "Deleted": bool(blob.deleted),
        "Snapshot": blob.snapshot or "",
        "VersionID": blob.version_id,
        "IsCurrentVersion": blob.is_current_version,
        "Metadata": blob.metadata or None,
        "Properties": {
            "AccessTier": blob.blob_tier,
            "BlobType": blob.blob_type,
            "CacheControl": settings.cache_control,
            "ContentDisposition": settings.content_disposition,
            "ContentEncoding": settings.content_encoding,
            "ContentLanguage": settings.content_language,
            "ContentLength": blob.size,
            "ContentMD5": base64.b64encode(settings.content_md5).decode() if settings.content_md5 else None,
            "ContentType": settings.content_type,
            "CopyID": blob.copy.id,
            "CopyStatus": blob.copy.status,
            "CreationTime": blob.creation_time,
            "DeletedTime": blob.deleted_time,
            "ETag": blob.etag,
            "LastModified": blob.last_modified,
            "LeaseState": blob.lease.state,
            "LeaseStatus": blob.lease.status,
            "ServerEncrypted": blob.server_encrypted,
        },
    }
