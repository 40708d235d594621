"""Dapr's distributed locks (Dapr, Distributed Lock API; dapr/dapr, pkg/api/universal/lock.go)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import partial

from bindings.contract import Lock, Unlocked
from engine.api.error import ApiError, bad_request
from engine.api.keys import IllegalKeyError, lock_key
from engine.api.lending import lending
from engine.api.parts import Lent, Missing, Parts
from engine.errors import JackfieldError


class Locks:
    def __init__(self, parts: Parts, app_id: str) -> None:
        self._parts = parts
        self._app_id = app_id

    async def acquire(self, store: str, resource: str, owner: str, seconds: int) -> bool:
        """Whether the owner has the lock now, for that many seconds."""
        if seconds <= 0:
            raise bad_request(f"ExpiryInSeconds is not positive in lock store {store}")
        async with self._lent(store, resource, owner) as lent:
            _check(store, resource, owner)
            try:
                key = lock_key(lent.use, self._app_id, resource)
                return await lent.component.acquire(key, owner, float(seconds))
            except (IllegalKeyError, JackfieldError) as error:
                message = f"failed to try acquiring lock: {error}"
                raise ApiError("ERR_TRY_LOCK", message, 500, "INTERNAL") from error

    async def release(self, store: str, resource: str, owner: str) -> Unlocked:
        async with self._lent(store, resource, owner) as lent:
            _check(store, resource, owner)
            try:
                return await lent.component.release(lock_key(lent.use, self._app_id, resource), owner)
            except (IllegalKeyError, JackfieldError) as error:
                message = f"failed to release lock: {error}"
                raise ApiError("ERR_UNLOCK", message, 500, "INTERNAL") from error

    def _lent(self, store: str, resource: str, owner: str) -> AbstractAsyncContextManager[Lent[Lock]]:
        part = self._parts.lock(store)
        return lending(part, partial(_missing, store, resource, owner), partial(_closed, store))


def _check(store: str, resource: str, owner: str) -> None:
    if not resource:
        raise bad_request(f"ResourceId is empty in lock store {store}")
    if not owner:
        raise bad_request(f"LockOwner is empty in lock store {store}")


def _missing(store: str, resource: str, owner: str, missing: Missing) -> ApiError:
    if not missing.others:
        return ApiError("ERR_LOCK_STORE_NOT_CONFIGURED", "lock store is not configured", 500, "FAILED_PRECONDITION")
    try:
        _check(store, resource, owner)
    except ApiError as error:
        return error
    return ApiError("ERR_LOCK_STORE_NOT_FOUND", f"lock store {store} not found", 400, "INVALID_ARGUMENT")


def _closed(store: str, error: JackfieldError) -> ApiError:
    return ApiError("ERR_TRY_LOCK", f"lock store {store} cannot be opened: {error}", 500, "INTERNAL")
