"""Events as messages of Kafka, and back.

Source: CloudEvents Kafka binding
(https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote_plus

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from bindings.contract import Operation, Publication, Received
from bindings.kafka.metadata import KafkaConnectionMetadata, KafkaMetadata
from engine.errors import Permanent
from engine.event import Attribute, Event, flat_json, is_json, is_text, rfc3339

Headers: TypeAlias = list[tuple[str, str | bytes | None]]

_PREFIX = "ce_"
_CONTENT_TYPE = "content-type"
_STRUCTURED = "application/cloudevents+json; charset=UTF-8"
_KEYS = ("partitionKey", "__key")  # Dapr's metadata; the first that is there counts
_PARTITION = "partitionNumber"
_ANY_PARTITION = -1


@dataclass(slots=True)
class Record:
    """A message as it is to be sent. A key decides the partition, unless one is said."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = field(default_factory=list)
    partition: int = _ANY_PARTITION


class Names:
    """Which names become headers, and come out of them."""

    def __init__(self, metadata: KafkaConnectionMetadata) -> None:
        expression = metadata.exclude_header_meta_regex
        self._excluded = re.compile(expression) if expression else None

    def passes(self, name: str) -> bool:
        return self._excluded is None or not self._excluded.search(name)


class Reader:
    """Makes of each message what a pipeline receives."""

    def __init__(self, metadata: KafkaConnectionMetadata) -> None:
        self._names = Names(metadata)
        self._escapes = metadata.escape_headers

    def received(self, message: Message) -> Received:
        topic, partition, offset = message.topic() or "", str(message.partition()), str(message.offset())
        kind, milliseconds = message.timestamp()
        attributes: dict[str, Attribute] = {}
        metadata: dict[str, str] = {}
        for name, raw in _headers(message):
            value = raw.decode(errors="backslashreplace") if isinstance(raw, bytes) else raw or ""
            if attribute := attribute_of(name):
                attributes[attribute] = value
            if self._names.passes(name):
                metadata[name] = quote_plus(value) if self._escapes else value
        metadata["__topic"], metadata["__partition"], metadata["__offset"] = topic, partition, offset
        if (key := message.key()) is not None:
            text = key.decode(errors="backslashreplace")
            metadata["__key"] = quote_plus(text) if self._escapes else text
        if kind != TIMESTAMP_NOT_AVAILABLE:
            metadata["__timestamp"] = str(milliseconds)
            if "time" not in attributes:
                attributes["time"] = rfc3339(milliseconds / 1000)
        id = str(attributes.pop("id", "") or f"{topic}-{partition}-{offset}")
        return Received(id, message.value(), attributes, metadata)


@lru_cache(maxsize=1024)
def attribute_of(header: str) -> str:
    """The attribute of an event that a header holds, or an empty text."""
    if header.lower() == _CONTENT_TYPE:
        return "datacontenttype"
    name = header.removeprefix(_PREFIX)
    return name if name != header and re.fullmatch("[a-z0-9]+", name) else ""


class Writer:
    """Makes a message of each event or publication."""

    def __init__(self, metadata: KafkaConnectionMetadata) -> None:
        self._names = Names(metadata)
        self._structured = isinstance(metadata, KafkaMetadata) and metadata.content_mode == "structured"

    def of_operation(self, operation: Operation) -> Record:
        """Raises `Permanent` when it cannot be written."""
        if operation.name != "create":
            raise Permanent(f"bindings.kafka has no operation {operation.name!r}; it has create")
        event = operation.event
        key = event.attributes.get("partitionkey")  # CloudEvents extension for partitioning
        if self._structured:
            record = self._record(structured(event), _STRUCTURED, operation.metadata)
        else:
            content_type = str(event.attributes.get("datacontenttype", ""))
            record = self._record(event.data, content_type, operation.metadata)
            record.headers += [
                (_PREFIX + name, _text(value)) for name, value in event.attributes.items() if name != "datacontenttype"
            ]
        if record.key is None and key is not None:
            record.key = _text(key)
        return record

    def of_publication(self, publication: Publication) -> Record:
        """Raises `Permanent` when it cannot be written."""
        return self._record(publication.data, publication.content_type, publication.metadata)

    def _record(self, value: bytes | None, content_type: str, metadata: Mapping[str, str]) -> Record:
        headers: Headers = [(_CONTENT_TYPE, content_type.encode())] if content_type else []
        headers += [(name, value.encode()) for name, value in metadata.items() if self._names.passes(name)]
        key = next((metadata[name] for name in _KEYS if name in metadata), None)
        partition = _partition(metadata[_PARTITION]) if _PARTITION in metadata else _ANY_PARTITION
        return Record(value, None if key is None else key.encode(), headers, partition)


def structured(event: Event) -> bytes:
    """The event as one JSON document (CloudEvents JSON format, 3.1)."""
    document = flat_json(event.attributes)
    if event.data is None:
        return document.encode()
    return b'%s,"data%s}' % (document[:-1].encode(), _member(event, event.data))


def _member(event: Event, data: bytes) -> bytes:
    """The rest of the name, and the value. What is not what its content type says travels as bytes."""
    try:
        if is_json(event.content_type):
            _ = event.value
            return b'":' + data
        if is_text(event.content_type):
            return b'":' + json.dumps(event.value).encode()
    except Permanent:
        pass
    return b'_base64":"%s"' % b64encode(data)


def _text(value: Attribute) -> bytes:
    """CloudEvents 1.0, 3.1: booleans are `true` and `false`."""
    return (str(value).lower() if isinstance(value, bool) else str(value)).encode()


def _partition(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        raise Permanent(f"partitionNumber {text!r} is not the number of a partition")
    return int(text)


def _headers(message: Message) -> Headers:
    headers = message.headers()
    return list(headers.items()) if isinstance(headers, dict) else headers or []
