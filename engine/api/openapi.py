"""The HTTP API as an OpenAPI document (https://spec.openapis.org/oas/v3.1.0): openapi.yaml, and the folder's names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import yaml

from bindings.manifest import ComponentType
from engine.api.blocks import Blocks
from engine.registry import installed_type

# The roles of components by the names of the parameters that name them.
_ROLES: Mapping[str, Callable[[ComponentType], object]] = {
    "stateStore": lambda manifest: manifest.state_store,
    "pubsub": lambda manifest: manifest.pubsub,
    "binding": lambda manifest: manifest.output,
    "secretStore": lambda manifest: manifest.secret_store,
    "configurationStore": lambda manifest: manifest.configuration_store,
    "lockStore": lambda manifest: manifest.lock,
}


def openapi(blocks: Blocks) -> dict[str, Any]:
    """With the names that there are now, so that a client or a person sees what can be called."""
    document = _document()
    parts = dict(document["components"])
    known = ((one.name, installed_type(one.type)) for one in blocks.metadata.components)
    components = [(name, manifest) for name, manifest in known if manifest is not None]
    parts["parameters"] = {
        name: _named(parameter, sorted(one for one, manifest in components if role(manifest)))
        if (role := _ROLES.get(name))
        else parameter
        for name, parameter in parts["parameters"].items()
    }
    if blocks.token is not None:
        parts["securitySchemes"] = {"token": {"type": "apiKey", "in": "header", "name": "dapr-api-token"}}
        return {**document, "components": parts, "security": [{"token": []}]}
    return {**document, "components": parts}


def _named(parameter: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {**parameter, "schema": {"enum": names}} if names else parameter


@functools.cache
def _document() -> dict[str, Any]:
    text = resources.files("engine.api").joinpath("openapi.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document
