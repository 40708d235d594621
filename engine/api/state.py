"""Dapr's state building block: keys with a prefix, etags, and all or nothing.

Source: Dapr, State management API; dapr/dapr, pkg/api/universal/state.go and pkg/api/errors/state.go.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial

from bindings.contract import Change, EtagMismatch, Item, StateStore
from bindings.metadata import StateMetadata
from engine.api.error import ApiError
from engine.api.lending import lending
from engine.api.parts import Lent, Missing, Parts
from engine.errors import JackfieldError
from engine.event import rfc3339

_SEPARATOR = "||"


class State:
    """Keys are those of the app: what stands before them in the store is put there and taken away here."""

    def __init__(self, parts: Parts, app_id: str) -> None:
        self._parts = parts
        self._app_id = app_id

    async def get(self, store: str, keys: Sequence[str]) -> Mapping[str, Item]:
        """The items of the keys that have one."""
        async with self._lent(store) as lent:
            full = {key: self._full(lent, key) for key in keys}
            try:
                found = await lent.component.get(list(full.values()))
            except JackfieldError as error:
                message = f"fail to get {', '.join(keys)} from state store {store}: {error}"
                raise self._error("ERR_STATE_GET", message, "GET_FAILED", store) from error
        return {key: found[name] for key, name in full.items() if name in found}

    async def save(self, store: str, changes: Sequence[Change]) -> None:
        """Each for itself; the first one that failed is the error."""
        async with self._lent(store) as lent:
            await self._write(lent, changes, "ERR_STATE_SAVE", f"failed saving state in state store {store}")

    async def delete(self, store: str, changes: Sequence[Change]) -> None:
        """As `save`."""
        async with self._lent(store) as lent:
            keys = ", ".join(change.key for change in changes)
            await self._write(lent, changes, "ERR_STATE_DELETE", f"failed deleting state with key {keys}")

    async def transact(self, store: str, changes: Sequence[Change]) -> None:
        """All in their order, or none."""
        async with self._lent(store) as lent:
            full = self._changes(lent, changes)
            try:
                await lent.component.transact(full)
            except JackfieldError as error:
                message = f"error while executing state transaction: {error}"
                raise self._failure("ERR_STATE_TRANSACTION", message, store, error) from error

    async def _write(self, lent: Lent[StateStore], changes: Sequence[Change], code: str, what: str) -> None:
        full = self._changes(lent, changes)
        try:
            errors = [error for error in await lent.component.write(full) if error is not None]
        except JackfieldError as error:
            raise self._failure(code, f"{what}: {error}", lent.use.name, error) from error
        if errors:
            raise self._failure(code, f"{what}: {errors[0]}", lent.use.name, errors[0])

    def _changes(self, lent: Lent[StateStore], changes: Sequence[Change]) -> list[Change]:
        return [replace(change, key=self._full(lent, change.key)) for change in changes]

    def _full(self, lent: Lent[StateStore], key: str) -> str:
        if _SEPARATOR in key:
            message = f"input key/keyPrefix '{key}' can't contain '{_SEPARATOR}'"
            raise self._error("ERR_MALFORMED_REQUEST", message, "ILLEGAL_KEY", lent.use.name, 400, "INVALID_ARGUMENT")
        prefix = self._prefix(lent)
        return f"{prefix}{_SEPARATOR}{key}" if prefix else key

    def _prefix(self, lent: Lent[StateStore]) -> str:
        settings = lent.use.settings
        strategy = settings.key_prefix if isinstance(settings, StateMetadata) else "appid"
        namespace = os.environ.get("NAMESPACE")
        known = {
            "appid": self._app_id,
            "name": lent.use.name,
            "namespace": f"{namespace}.{self._app_id}" if namespace else self._app_id,
            "none": "",
        }
        return known.get(strategy.lower(), strategy)

    def _lent(self, store: str) -> AbstractAsyncContextManager[Lent[StateStore]]:
        return lending(self._parts.state_store(store), partial(self._missing, store), partial(self._closed, store))

    def _missing(self, store: str, missing: Missing) -> ApiError:
        app = {"appID": self._app_id}
        if missing.others:
            code, reason = "ERR_STATE_STORE_NOT_FOUND", "DAPR_STATE_NOT_FOUND"
            message = f"state store {store} is not found"
            return ApiError(code, message, 400, "INVALID_ARGUMENT", reason=reason, metadata=app)
        code, reason = "ERR_STATE_STORE_NOT_CONFIGURED", "DAPR_STATE_NOT_CONFIGURED"
        message = f"state store {store} is not configured"
        return ApiError(code, message, 500, "FAILED_PRECONDITION", reason=reason, metadata=app)

    def _closed(self, store: str, error: JackfieldError) -> ApiError:
        message = f"state store {store} cannot be opened: {error}"
        return self._error("ERR_STATE_STORE_NOT_CONFIGURED", message, "NOT_CONFIGURED", store)

    def _failure(self, code: str, message: str, store: str, error: JackfieldError) -> ApiError:
        if isinstance(error, EtagMismatch):
            return self._error(code, message, "ETAG_MISMATCH", store, 409, "ABORTED")
        return self._error(code, message, code.removeprefix("ERR_STATE_") + "_FAILED", store)

    def _error(
        self, code: str, message: str, reason: str, store: str, status: int = 500, grpc: str = "INTERNAL"
    ) -> ApiError:
        return ApiError(code, message, status, grpc, reason=f"DAPR_STATE_{reason}", resource=("state", store))


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


def _ttl(text: str | None) -> float | None:
    """Seconds; -1 and 0 mean for ever, as Dapr's stores take them."""
    if text is None:
        return None
    try:
        seconds = int(text)
    except ValueError:
        seconds = -2
    if seconds < -1:
        message = f"ttlInSeconds must be a whole number of seconds, or -1 for no end; it is {text!r}"
        raise ApiError("ERR_MALFORMED_REQUEST", message, 400, "INVALID_ARGUMENT")
    return float(seconds) if seconds > 0 else None
