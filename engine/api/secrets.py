"""Dapr's secrets (Dapr, Secrets API; dapr/dapr, pkg/messages/predefined.go)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial

from bindings.contract import SecretStore
from engine.api.error import ApiError
from engine.api.lending import lending
from engine.api.parts import Lent, Missing, Parts
from engine.errors import JackfieldError


class Secrets:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def get(self, store: str, name: str) -> Mapping[str, str]:
        """The keys of one secret."""
        async with self._lent(store) as lent:
            if not self._parts.gives_out(store, name):
                message = f'access denied by policy to get "{name}" from "{store}"'
                raise ApiError("ERR_PERMISSION_DENIED", message, 403, "PERMISSION_DENIED")
            try:
                return await lent.component.get(name)
            except (KeyError, JackfieldError) as error:
                why = error.args[0] if error.args else "there is no such secret"
                message = f"failed getting secret with key {name} from secret store {store}: {why}"
                raise ApiError("ERR_SECRET_GET", message, 500, "INTERNAL") from None

    async def all(self, store: str) -> Mapping[str, Mapping[str, str]]:
        """All secrets of a store that apps may have, by their names."""
        async with self._lent(store) as lent:
            try:
                found = await lent.component.all()
            except JackfieldError as error:
                message = f"failed getting secrets from secret store {store}: {error}"
                raise ApiError("ERR_SECRET_GET", message, 500, "INTERNAL") from error
        return {name: keys for name, keys in found.items() if self._parts.gives_out(store, name)}

    def _lent(self, store: str) -> AbstractAsyncContextManager[Lent[SecretStore]]:
        return lending(self._parts.secret_store(store), partial(_missing, store), partial(_closed, store))


def _missing(store: str, missing: Missing) -> ApiError:
    if missing.others:
        message = f"failed finding secret store with key {store}"
        return ApiError("ERR_SECRET_STORE_NOT_FOUND", message, 401, "INVALID_ARGUMENT")
    message = "secret store is not configured"
    return ApiError("ERR_SECRET_STORES_NOT_CONFIGURED", message, 500, "FAILED_PRECONDITION")


def _closed(store: str, error: JackfieldError) -> ApiError:
    return ApiError("ERR_SECRET_GET", f"secret store {store} cannot be opened: {error}", 500, "INTERNAL")
