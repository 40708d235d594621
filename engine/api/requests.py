"""The bodies of HTTP requests, as Dapr's clients send them; what is not known is left alone, as Dapr does."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from bindings.contract import Change
from engine.api.envelope import BINARY
from engine.api.error import bad_request, malformed
from engine.api.publish import AppTopic, Entry
from engine.api.state import change_of, unsupported_operation
from engine.event import EVENT_TYPE, is_json

T = TypeVar("T")


class _Request(BaseModel):
    model_config = {"alias_generator": to_camel, "populate_by_name": True}

    metadata: dict[str, str] | None = None


class _Options(BaseModel):
    concurrency: Literal["", "first-write", "last-write"] = ""


class _State(_Request):
    key: str = ""
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
    operations: list[_Operation] | None = None


class BulkGet(_Request):
    keys: list[str] | None = None


class Invocation(_Request):
    """Of an output binding."""

    operation: str = Field(min_length=1)
    data: Any = None


class _BulkEntry(_Request):
    entry_id: str = ""
    event: Any = None
    content_type: str = ""

    def entry(self, shared: dict[str, str], topic: AppTopic) -> Entry:
        return Entry(self.entry_id, self._data(topic), self.content_type, {**shared, **(self.metadata or {})})

    def _data(self, topic: AppTopic) -> bytes:
        media_type = self.content_type.partition(";")[0].strip().lower()
        if is_json(media_type) or media_type == EVENT_TYPE:
            return written(self.event)
        if isinstance(self.event, str):
            if media_type.startswith("text/") or media_type == "application/xml":
                return self.event.encode(errors="replace")
            if media_type in BINARY:
                try:
                    return base64.b64decode(self.event, validate=True)
                except ValueError as error:
                    raise topic.events_error("MARSHAL_ENVELOPE", f"it is not base64: {error}") from error
        raise topic.events_error("MARSHAL_ENVELOPE", "error: mismatch between contentType and event")


class _Lock(BaseModel):
    """Names as protobuf's JSON has them, which may be those of the fields too."""

    resource_id: str = Field("", validation_alias=AliasChoices("resourceId", "resource_id"))
    lock_owner: str = Field("", validation_alias=AliasChoices("lockOwner", "lock_owner"))
    expiry_in_seconds: int = Field(
        0, ge=-(2**31), lt=2**31, validation_alias=AliasChoices("expiryInSeconds", "expiry_in_seconds")
    )


_STATES = TypeAdapter(list[_State] | None)
_TRANSACTION = TypeAdapter(_Transaction)
_BULK_GET = TypeAdapter(BulkGet)
_INVOCATION = TypeAdapter(Invocation)
_ENTRIES = TypeAdapter(list[_BulkEntry] | None)
_LOCK = TypeAdapter(_Lock)


def changes_of(body: bytes, shared: dict[str, str]) -> list[Change]:
    """Of a save; `shared` is the metadata of the query. Each function here raises `ApiError`."""
    try:
        states = _STATES.validate_json(body) or []
    except ValidationError as error:
        raise bad_request(_why(error)) from error
    if any(not state.key for state in states):
        raise bad_request('"key" is a required field')
    return [state.change(shared) for state in states]


def transaction_of(body: bytes, shared: dict[str, str]) -> list[Change]:
    transaction = _parsed(_TRANSACTION, body)
    metadata = {**(transaction.metadata or {}), **shared}
    return [_change(operation, metadata) for operation in transaction.operations or []]


def bulk_get_of(body: bytes) -> BulkGet:
    return _parsed(_BULK_GET, body)


def invocation_of(body: bytes) -> Invocation:
    return _parsed(_INVOCATION, body)


def entries_of(body: bytes, shared: dict[str, str], topic: AppTopic) -> list[Entry]:
    try:
        entries = _ENTRIES.validate_json(body) or []
    except ValidationError as error:
        raise topic.events_error("UNMARSHAL_EVENTS", _why(error)) from error
    if any(not entry.entry_id for entry in entries):
        raise topic.events_error("MARSHAL_EVENTS", "entryId is duplicated or not present for entry")
    return [entry.entry(shared, topic) for entry in entries]


def lock_of(body: bytes) -> _Lock:
    return _parsed(_LOCK, body) if body else _Lock()


def written(value: Any) -> bytes:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _change(operation: _Operation, shared: dict[str, str]) -> Change:
    if operation.operation not in ("upsert", "delete"):
        raise unsupported_operation(operation.operation, "INVALID_ARGUMENT")
    return operation.request.change(shared, delete=operation.operation == "delete")


def _parsed(adapter: TypeAdapter[T], body: bytes) -> T:
    """`null` is an object without fields, as for Go."""
    try:
        return adapter.validate_json(b"{}" if body.strip() == b"null" else body)
    except ValidationError as error:
        raise malformed(_why(error)) from error


def _why(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
