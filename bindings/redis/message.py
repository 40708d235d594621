"""Messages as entries of a stream, with the fields `data` and `metadata` (JSON), as Dapr's pubsub.redis writes them.

Source: dapr/components-contrib, pubsub/redis/redis.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from bindings.contract import Publication, Received
from engine.event import EVENT_TYPE, JSON_TYPE, Attribute

Entry: TypeAlias = tuple[bytes, Sequence[bytes]]  # its id, and its fields: name, value, name, value ...

_TYPE = "contentType"  # in the metadata, unless the data shows it: Dapr has no place for it


def fields_of(publication: Publication) -> list[bytes | str]:
    metadata = dict(publication.metadata)
    if publication.content_type != _type_of(publication.data):
        metadata[_TYPE] = publication.content_type
    if not metadata:
        return ["data", publication.data]
    return ["data", publication.data, "metadata", json.dumps(metadata, ensure_ascii=False)]


def received(topic: str, entry: Entry, attempt: int, life: int) -> Received:
    id, fields = entry[0].decode(), entry[1]
    metadata: dict[str, str] = {}
    if len(fields) == 2 and fields[0] == b"data":
        data, content_type = fields[1], _type_of(fields[1])
    else:
        data, content_type = _read(dict(zip(fields[::2], fields[1::2], strict=True)), metadata)
    metadata["topic"], metadata["entryId"] = topic, id
    return Received(id, data, _attributes(content_type), metadata, attempt, life)


def _read(fields: dict[bytes, bytes], metadata: dict[str, str]) -> tuple[bytes, str | None]:
    data = fields.get(b"data")
    if data is None:  # of another program
        texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
        return json.dumps(texts, ensure_ascii=False).encode(), JSON_TYPE
    try:
        own = json.loads(fields.get(b"metadata", b"null"))
    except ValueError:
        own = None  # Dapr takes such a message without its metadata too
    if isinstance(own, dict):
        metadata |= {name: value for name, value in own.items() if isinstance(value, str)}
    return data, metadata.pop(_TYPE, None) or _type_of(data)


@lru_cache(maxsize=64)
def _attributes(content_type: str | None) -> Mapping[str, Attribute]:
    return {} if content_type is None else {"datacontenttype": content_type}


def _type_of(data: bytes) -> str | None:
    """That of an envelope, which is what Dapr publishes; for all else the engine looks at the data itself."""
    return EVENT_TYPE if data[:1] == b"{" and b'"specversion"' in data else None
