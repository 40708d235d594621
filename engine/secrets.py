"""Secrets by reference: their stores are components, opened when the first secret is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import cast

from bindings.contract import Clock, Context, SecretStore
from bindings.store import Store
from engine.components import Use, open_within
from engine.definitions.component import Component
from engine.definitions.folder import Located
from engine.definitions.model import SecretKeyRef
from engine.environment import belongs_to_engine
from engine.errors import DefinitionError, JackfieldError
from engine.registry import component_type
from engine.suggest import close_match


class SecretError(DefinitionError):
    """A secret cannot be had. `code` is that of the diagnostic, `part` the field of the reference that is wrong."""

    def __init__(self, code: str, message: str, *, hint: str = "", part: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.part = part


class Secrets:
    """Each store is opened once, and each secret read once. Nothing here is ever part of a message or a log.

    `store` is what a secret store may keep things in; None where definitions are only checked.
    """

    def __init__(self, components: Mapping[str, Located[Component]], store: Store | None, clock: Clock) -> None:
        self._components = components
        self._store = store
        self._clock = clock
        self._stores: dict[str, SecretStore] = {}
        self._failed: dict[str, SecretError] = {}
        self._opening: set[str] = set()
        self._read: dict[tuple[str, str], Mapping[str, str]] = {}

    async def get(self, store: str, reference: SecretKeyRef) -> str:
        """One value; raises `SecretError`."""
        secret = await self._secret(store, reference.name)
        key = reference.key or reference.name
        if key not in secret:
            message = f"the secret {reference.name!r} of {store!r} has no key {key!r}"
            hint = close_match(key, secret) or f"its keys are {', '.join(sorted(secret))}"
            raise SecretError("E504", message, hint=hint, part="key" if reference.key else "name")
        return secret[key]

    async def open(self, name: str) -> SecretStore:
        """The opened store of a name; raises `SecretError`."""
        if name in self._failed:
            raise self._failed[name]
        if name not in self._stores:
            try:
                self._stores[name] = await self._open(name)
            except SecretError as error:
                self._failed[name] = error
                raise
        return self._stores[name]

    async def close(self) -> None:
        while self._stores:
            await self._stores.popitem()[1].close()

    async def _secret(self, store: str, name: str) -> Mapping[str, str]:
        if (store, name) not in self._read:
            opened = await self.open(store)
            try:
                self._read[store, name] = await opened.get(name)
            except KeyError as error:
                reason = str(error.args[0]) if error.args else name
                message = reason if reason != name else f"there is no secret {name!r}"
                raise SecretError("E503", f"secret store {store!r}: {message}", part="name") from None
            except JackfieldError as error:
                raise SecretError("E502", f"the secret store {store!r} does not answer: {error}") from error
        return self._read[store, name]

    async def _open(self, name: str) -> SecretStore:
        from engine.definitions.settings import settings  # which asks for secrets

        if name in self._opening:
            raise SecretError("E502", f"the secret store {name!r} needs a secret of its own to be opened")
        component = self._components.get(name)
        factory = component_type(component.model.spec.type).secret_store if component else None
        if component is None or factory is None:
            raise SecretError("E501", f"there is no secret store {name!r}")
        self._opening.add(name)
        try:
            values = await settings(component, self)
            opened = factory(values, Context(name, cast(Store, self._store), self._clock))
            manifest, timeout = component_type(component.model.spec.type), component.model.spec.init_timeout
            return await open_within(opened, Use(name, manifest, values, name, timeout))
        except (JackfieldError, ImportError) as error:
            raise SecretError("E502", f"the secret store {name!r} cannot be opened: {error}") from error
        finally:
            self._opening.discard(name)


def environment_value(variable: str) -> str:
    """The value of an `envRef`; raises `SecretError`."""
    if belongs_to_engine(variable):
        hint = "name another variable"
        raise SecretError("E505", f"the environment variable {variable} belongs to the engine", hint=hint)
    if variable not in os.environ:
        raise SecretError("E506", f"the environment variable {variable} is not set", hint=f"export {variable}=…")
    return os.environ[variable]
