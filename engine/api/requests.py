"""The bodies of HTTP requests, as Dapr's clients send them; what is not known is left alone, as Dapr does."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from bindings.contract import Change
from engine.api.error import ApiError, malformed
from engine.api.publish import Entry
from engine.api.state import change_of
from engine.event import is_json

T = TypeVar("T")


class _Request(BaseModel):
    model_config = {"alias_generator": to_camel, "populate_by_name": True}

    metadata: dict[str, str] | None = None


class _Options(BaseModel):
    concurrency: Literal["", "first-write", "last-write"] = ""


class _State(_Request):
    key: str = Field(min_length=1)
    value: Any = None
    etag: str | None = None
    options: _Options | None = None

    def change(self, shared: dict[str, str] | None = None, *, delete: bool = False) -> Change:
        concurrency = self.options.concurrency if self.options else ""
        metadata = {**(shared or {}), **(self.metadata or {})}
        value = None if delete else written(self.value)
        return change_of(self.key, value, etag=self.etag, concurrency=concurrency, metadata=metadata)


class _Operation(BaseModel):
    operation: str
    request: _State


class _Transaction(_Request):
    operations: list[_Operation]


class BulkGet(_Request):
    keys: list[str]


class Invocation(_Request):
    """Of an output binding."""

    operation: str = Field(min_length=1)
    data: Any = None


class _BulkEntry(_Request):
    entry_id: str = Field(min_length=1)
    event: Any
    content_type: str = ""

    def entry(self, shared: dict[str, str]) -> Entry:
        return Entry(self.entry_id, self._data(), self.content_type, {**shared, **(self.metadata or {})})

    def _data(self) -> bytes:
        if is_json(self.content_type):
            return written(self.event)
        if not isinstance(self.event, str):
            raise malformed(f"the event of {self.entry_id!r} must be a text, as its contentType says")
        if self.content_type.startswith(("text/", "application/xml")) or not self.content_type:
            return self.event.encode(errors="replace")
        try:
            return base64.b64decode(self.event, validate=True)
        except ValueError as error:
            raise malformed(f"the event of {self.entry_id!r} is not base64: {error}") from error


_STATES = TypeAdapter(list[_State])
_TRANSACTION = TypeAdapter(_Transaction)
_BULK_GET = TypeAdapter(BulkGet)
_INVOCATION = TypeAdapter(Invocation)
_ENTRIES = TypeAdapter(list[_BulkEntry])


def changes_of(body: bytes, shared: dict[str, str]) -> list[Change]:
    """Of a save; `shared` is the metadata of the query. Each function here raises `ApiError`."""
    return [state.change(shared) for state in _parsed(_STATES, body)]


def transaction_of(body: bytes) -> list[Change]:
    transaction = _parsed(_TRANSACTION, body)
    return [_change(operation, transaction.metadata) for operation in transaction.operations]


def bulk_get_of(body: bytes) -> BulkGet:
    return _parsed(_BULK_GET, body)


def invocation_of(body: bytes) -> Invocation:
    return _parsed(_INVOCATION, body)


def entries_of(body: bytes, shared: dict[str, str]) -> list[Entry]:
    entries = _parsed(_ENTRIES, body)
    if len({entry.entry_id for entry in entries}) < len(entries):
        raise malformed("each entryId must be there once")
    return [entry.entry(shared) for entry in entries]


def written(value: Any) -> bytes:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _change(operation: _Operation, shared: dict[str, str] | None) -> Change:
    if operation.operation not in ("upsert", "delete"):
        message = f"operation type {operation.operation} not supported"
        raise ApiError("ERR_NOT_SUPPORTED_STATE_OPERATION", message, 400, "INVALID_ARGUMENT")
    return operation.request.change(shared, delete=operation.operation == "delete")


def _parsed(adapter: TypeAdapter[T], body: bytes) -> T:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise malformed(f"{place}: {first['msg']}" if place else first["msg"]) from error
