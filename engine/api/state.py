"""Dapr's state building block: keys with a prefix, etags, and all or nothing.

Source: Dapr, State management API; dapr/dapr, pkg/api/http/http.go and pkg/api/errors/state.go.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bindings.contract import Change, EtagMismatch, Item, Queryable, StateStore
from bindings.query import Page
from engine.api.error import ApiError, Detail, ErrorInfo, FieldViolation, ResourceInfo, bad_request
from engine.api.keys import IllegalKeyError, state_key, state_prefix
from engine.api.lending import lending
from engine.api.parts import Lent, Missing, Parts
from engine.api.query import QueryError, query_of
from engine.errors import JackfieldError
from engine.event import rfc3339


class State:
    def __init__(self, parts: Parts, app_id: str) -> None:
        self._parts = parts
        self._app_id = app_id

    @contextlib.asynccontextmanager
    async def opened(self, store: str) -> AsyncIterator[AppState]:
        """The store, for one call; raises `ApiError`, also before the rest of the request has been looked at."""
        part = self._parts.state_store(store)
        async with lending(part, partial(self._missing, store), partial(self._closed, store)) as lent:
            yield AppState(lent, self._app_id)

    def _missing(self, store: str, missing: Missing) -> ApiError:
        found = {"appID": self._app_id}
        if missing.others:
            code, message = "ERR_STATE_STORE_NOT_FOUND", f"state store {store} is not found"
            return ApiError(code, message, 400, "INVALID_ARGUMENT", details=[ErrorInfo("DAPR_STATE_NOT_FOUND", found)])
        code, message = "ERR_STATE_STORE_NOT_CONFIGURED", f"state store {store} is not configured"
        details = [ErrorInfo("DAPR_STATE_NOT_CONFIGURED", found)]
        return ApiError(code, message, 500, "FAILED_PRECONDITION", details=details)

    def _closed(self, store: str, error: JackfieldError) -> ApiError:
        message = f"state store {store} cannot be opened: {error}"
        return ApiError("ERR_STATE_STORE_NOT_CONFIGURED", message, 500, "FAILED_PRECONDITION", coded=True)


class AppState:
    """The state of the app in one store. Keys are those of the app: what stands before them in the store is put there
    and taken away here.
    """

    def __init__(self, lent: Lent[StateStore], app_id: str) -> None:
        self._lent = lent
        self._app_id = app_id

    async def get(self, key: str) -> Item | None:
        name = self._full(key)
        try:
            return (await self._lent.component.get([name])).get(name)
        except JackfieldError as error:
            message = f"fail to get {key} from state store {self._lent.use.name}: {error}"
            raise ApiError("ERR_STATE_GET", message, 500, "INTERNAL", coded=True) from error

    async def get_many(self, keys: Sequence[str]) -> Mapping[str, Item]:
        """The items of the keys that have one."""
        full = {key: self._full(key) for key in keys}
        try:
            found = await self._lent.component.get(list(full.values())) if full else {}
        except JackfieldError as error:
            raise ApiError("ERR_STATE_BULK_GET", str(error), 500, "UNKNOWN") from error
        return {key: found[name] for key, name in full.items() if name in found}

    async def query(self, text: bytes) -> Page:
        """Those items of the app that a query asks for."""
        component, prefix = self._lent.component, state_prefix(self._lent.use, self._app_id)
        if not isinstance(component, Queryable):
            message = "state store does not support querying"
            raise self._query_error("ERR_STATE_STORE_NOT_SUPPORTED", message, "QUERYING_NOT_SUPPORTED")
        try:
            page = await component.query(replace(query_of(text), prefix=prefix))
        except (QueryError, JackfieldError) as error:
            message = f"state store {self._lent.use.name} query failed: {error}"
            raise self._query_error("ERR_STATE_QUERY", message, "QUERY_FAILED") from error
        return replace(page, items=[(key.removeprefix(prefix), item) for key, item in page.items])

    async def save(self, changes: Sequence[Change]) -> None:
        """Each for itself; the first one that failed is the error."""
        await self._write(changes, "ERR_STATE_SAVE", f"failed saving state in state store {self._lent.use.name}")

    async def delete(self, change: Change) -> None:
        await self._write([change], "ERR_STATE_DELETE", f"failed deleting state with key {change.key}")

    async def delete_many(self, changes: Sequence[Change]) -> None:
        """As `save`."""
        what = f"failed deleting state in state store {self._lent.use.name}"
        await self._write(changes, "ERR_STATE_BULK_DELETE", what)

    async def transact(self, changes: Sequence[Change]) -> None:
        """All in their order, or none."""
        full = [replace(change, key=self._full(change.key)) for change in changes]
        try:
            await self._lent.component.transact(full)
        except JackfieldError as error:
            # A stale etag has no status of its own here, as in Dapr.
            message = f"error while executing state transaction: {error}"
            raise ApiError("ERR_STATE_TRANSACTION", message, 500, "INTERNAL", coded=True) from error

    async def _write(self, changes: Sequence[Change], code: str, what: str) -> None:
        full = [replace(change, key=self._full(change.key)) for change in changes]
        error: JackfieldError | None
        try:
            errors = await self._lent.component.write(full) if full else []
            error = next((one for one in errors if one is not None), None)
        except JackfieldError as raised:
            error = raised
        if error is not None:
            status, grpc = (409, "ABORTED") if isinstance(error, EtagMismatch) else (500, "INTERNAL")
            raise ApiError(code, f"{what}: {error}", status, grpc, coded=True) from error

    def _query_error(self, code: str, message: str, reason: str) -> ApiError:
        details: list[Detail] = [ResourceInfo("state", self._lent.use.name), ErrorInfo(f"DAPR_STATE_{reason}")]
        return ApiError(code, message, 500, "INTERNAL", details=details)

    def _full(self, key: str) -> str:
        try:
            return state_key(self._lent.use, self._app_id, key)
        except IllegalKeyError as error:
            message = str(error)
            details: list[Detail] = [
                FieldViolation(key, message),
                ResourceInfo("state", self._lent.use.name),
                ErrorInfo("DAPR_STATE_ILLEGAL_KEY"),
            ]
            code = "ERR_MALFORMED_REQUEST"
            raise ApiError(code, message, 400, "INVALID_ARGUMENT", details=details) from None


def change_of(
    key: str,
    value: bytes | None,
    *,
    etag: str | None = None,
    concurrency: str = "",
    metadata: Mapping[str, str] | None = None,
) -> Change:
    """A change as an app asks for it; raises `ApiError` for what it cannot ask for."""
    ttl = _ttl((metadata or {}).get("ttlInSeconds"))
    return Change(key, value, etag or None, concurrency == "first-write", ttl)


def metadata_of(item: Item) -> dict[str, str]:
    """What an app is told of an item beside its value."""
    return {} if item.expires is None else {"ttlExpireTime": rfc3339(item.expires)}


def unsupported_operation(operation: str, grpc: str) -> ApiError:
    """Of a transaction."""
    message = f"operation type {operation} not supported"
    return ApiError("ERR_NOT_SUPPORTED_STATE_OPERATION", message, 400, grpc, coded=True)


def _ttl(text: str | None) -> float | None:
    """Seconds; -1 and 0 mean for ever, as Dapr's stores take them."""
    if not text:
        return None
    try:
        seconds = int(text)
    except ValueError:
        seconds = -2
    if not -1 <= seconds < 2**31:
        raise bad_request(f"ttlInSeconds must be a whole number of seconds, or -1 for no end; it is {text!r}")
    return float(seconds) if seconds > 0 else None
