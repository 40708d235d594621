"""Dapr's secrets (Dapr, Secrets API; dapr/dapr, pkg/messages/predefined.go)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

from bindings.contract import SecretStore
from engine.api.error import ApiError
from engine.api.parts import Missing, Parts
from engine.errors import JackfieldError


class Secrets:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def get(self, store: str, name: str) -> Mapping[str, str]:
        """The keys of one secret."""
        async with self._opened(store) as opened:
            try:
                return await opened.get(name)
            except (KeyError, JackfieldError) as error:
                why = error.args[0] if error.args else "there is no such secret"
                message = f"failed getting secret with key {name} from secret store {store}: {why}"
                raise ApiError("ERR_SECRET_GET", message, 500, "INTERNAL") from None

    async def all(self, store: str) -> Mapping[str, Mapping[str, str]]:
        """All secrets of a store by their names."""
        async with self._opened(store) as opened:
            try:
                return await opened.all()
            except JackfieldError as error:
                message = f"failed getting secrets from secret store {store}: {error}"
                raise ApiError("ERR_SECRET_GET", message, 500, "INTERNAL") from error

    @contextlib.asynccontextmanager
    async def _opened(self, store: str) -> AsyncIterator[SecretStore]:
        async with contextlib.AsyncExitStack() as stack:
            try:
                lent = await stack.enter_async_context(self._parts.secret_store(store))
            except Missing as missing:
                raise _missing(store, missing) from None
            except JackfieldError as error:
                message = f"secret store {store} cannot be opened: {error}"
                raise ApiError("ERR_SECRET_GET", message, 500, "INTERNAL") from error
            yield lent.component


def _missing(store: str, missing: Missing) -> ApiError:
    if missing.others:
        message = f"failed finding secret store with key {store}"
        return ApiError("ERR_SECRET_STORE_NOT_FOUND", message, 401, "INVALID_ARGUMENT")
    message = "secret store is not configured"
    return ApiError("ERR_SECRET_STORES_NOT_CONFIGURED", message, 500, "FAILED_PRECONDITION")
