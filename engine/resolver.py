"""Finds what a definition refers to: components with their settings, apps with their tokens, schema files."""

from __future__ import annotations

import hashlib
import json
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from bindings.contract import Clock
from bindings.metadata import Metadata
from bindings.store import Store
from engine.components import Use
from engine.definitions.app import App
from engine.definitions.check import Definitions
from engine.definitions.folder import Located
from engine.definitions.pipeline import InlineBinding, Pipeline
from engine.definitions.schema_files import load_schema, schema_path
from engine.definitions.settings import inline_settings, settings
from engine.errors import DefinitionError
from engine.registry import component_type
from engine.secrets import Secrets
from engine.suggest import close_match

Place = tuple[str | int, ...]


class Resolver:
    """Keeps the secret stores open while it is entered. `secrets`: default: those of the folder's stores."""

    def __init__(self, definitions: Definitions, store: Store, clock: Clock, secrets: Secrets | None = None) -> None:
        self._components = definitions.components
        self._secrets = secrets or Secrets(definitions.components, store, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._secrets.close()

    async def binding(self, pipeline: Located[Pipeline], place: Place, binding: str | InlineBinding) -> Use:
        """The component that a pipeline names at `place`, or writes there."""
        if isinstance(binding, str):
            return await self.component(binding)
        name = name_in_place(pipeline, place)
        values = inline_settings(pipeline.document, place, binding)
        return Use(name, component_type(binding.type), values, f"{name} {binding.model_dump_json()}")

    async def component(self, name: str) -> Use:
        """A component by its name; raises `DefinitionError`."""
        component = self._components.get(name)
        if component is None:
            hint = close_match(name, self._components) or "`jackfield check` says what is wrong with it, if it is there"
            raise DefinitionError(f"there is no component {name!r}", hint=hint)
        spec = component.model.spec
        values = await settings(component, self._secrets)
        fingerprint = f"{name} {component.model.model_dump_json()} {_digest(values)}"
        return Use(name, component_type(spec.type), values, fingerprint, spec.init_timeout, spec.version)

    async def token(self, app: Located[App]) -> str | None:
        """The token that the app wants, if it has one."""
        spec = app.model.spec
        if spec.token is None:
            return None
        return await self._secrets.get(spec.auth.secret_store if spec.auth else "", spec.token.secret_key_ref)


def name_in_place(pipeline: Located[Pipeline], place: Place) -> str:
    """That of a binding without a document of its own."""
    return "-".join([pipeline.model.metadata.name, *(str(part) for part in place[1:-1])])


def schema_of(pipeline: Located[Pipeline], schema: str | dict[str, Any], definitions: Definitions) -> Any:
    """The JSON Schema of a `validate` step; a file has been checked with the definition."""
    if isinstance(schema, dict):
        return schema
    return load_schema(definitions.schemas[schema_path(pipeline.document, schema)])


def _digest(values: Metadata) -> str:
    """Differs when a secret does: what was opened with the old one is not used with the new one."""

    def revealed(value: Any) -> str:
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    return hashlib.sha256(json.dumps(values.model_dump(), default=revealed).encode()).hexdigest()
