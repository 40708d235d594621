"""What is wrong with a Resiliency document beyond its shape: names that nothing has, expressions that are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document
from engine.definitions.names import Names
from engine.errors import DefinitionError
from engine.suggest import close_match
from engine.trip import compile_trip

_WITHOUT_EFFECT = {
    ("spec", "targets", "actors"): "there are no actors",
    ("scopes",): "pipelines have no app id",
}
_POLICIES = {"timeout": "timeouts", "retry": "retries", "circuitBreaker": "circuitBreakers"}


def check_resiliency(document: Document, names: Names) -> Iterator[Diagnostic]:
    """The trips of its circuit breakers, the policies that its targets name, and the targets themselves."""
    yield from _check_trips(document)
    for kind, field in (("App", "apps"), ("Component", "components")):
        known = names.of_kind(kind)
        for name, target in _mapping(document, "spec", "targets", field).items():
            path = ("spec", "targets", field, name)
            if name not in known:
                message = f"there is no {kind.lower()} {name!r} in this folder, so this target has no effect"
                yield document.warning("W430", message, path, close_match(name, known), key=True)
            yield from _check_names(document, path, target)
            for direction in ("inbound", "outbound"):
                yield from _check_names(document, (*path, direction), _get(target, direction))
    for part, why in _WITHOUT_EFFECT.items():
        if document.get(part):
            yield document.warning("W431", f"this has no effect: {why}", part, key=True)


def _check_trips(document: Document) -> Iterator[Diagnostic]:
    for name, policy in _mapping(document, "spec", "policies", "circuitBreakers").items():
        trip = _get(policy, "trip")
        if isinstance(trip, str):
            try:
                compile_trip(trip)
            except DefinitionError as error:
                path = ("spec", "policies", "circuitBreakers", name, "trip")
                yield document.error("E431", str(error.args[0]), path, error.hint)


def _check_names(document: Document, path: tuple[str, ...], target: Any) -> Iterator[Diagnostic]:
    for field, policies in _POLICIES.items():
        name = _get(target, field)
        known = _mapping(document, "spec", "policies", policies)
        if isinstance(name, str) and name not in known:
            hint = close_match(name, known) or (f"there is {', '.join(known)}" if known else f"`{policies}` has none")
            message = f"there is no policy {name!r} in `policies.{policies}`"
            yield document.error("E430", message, (*path, field), hint)


def _mapping(document: Document, *path: str) -> Mapping[str, Any]:
    value = document.get(path)
    return value if isinstance(value, dict) else {}


def _get(value: Any, field: str) -> Any:
    return value.get(field) if isinstance(value, dict) else None
