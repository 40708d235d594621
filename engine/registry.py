"""Component types and stores, found by their entry points; nothing here or elsewhere in engine/ names a system."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from bindings.contract import Clock
from bindings.manifest import ComponentType
from bindings.store import Store
from engine.errors import DefinitionError
from engine.suggest import close_match, nearest


@functools.cache
def component_types() -> Mapping[str, EntryPoint]:
    """All installed component types by name; a type is imported only by `component_type`."""
    return {point.name: point for point in entry_points(group="jackfield.components")}


@functools.cache
def component_type(name: str) -> ComponentType:
    """The manifest of a component type; raises `DefinitionError` for one that is not installed."""
    point = component_types().get(name)
    if point is None:
        hint = _similar_type(name) or "`jackfield explain` lists the component types"
        raise DefinitionError(f"there is no component type {name!r}", hint=hint)
    manifest = _load(point)
    if not isinstance(manifest, ComponentType):
        raise DefinitionError(f"the entry point of {name!r} is not a ComponentType: {point.value}")
    return manifest


def installed_type(name: str) -> ComponentType | None:
    """None for one that is not installed: Dapr has more types than we do, and a folder may hold them."""
    try:
        return component_type(name)
    except DefinitionError:
        return None


def open_store(url: str, clock: Clock) -> Store:
    """A store (not yet opened) by its URL, `sqlite:PATH`; raises `DefinitionError` for a scheme that is not known."""
    scheme = url.partition(":")[0]
    points = {point.name: point for point in entry_points(group="jackfield.stores")}
    if scheme not in points:
        hint = close_match(scheme, points) or f"the schemes are {', '.join(sorted(points))}"
        raise DefinitionError(f"there is no store for {scheme!r}", hint=hint)
    store: Store = _load(points[scheme])(url, clock)
    return store


def _similar_type(name: str) -> str:
    """Judged without the block, such as `bindings.`: what all have in common makes nothing similar."""
    blockless = {known.partition(".")[2]: known for known in component_types()}
    found = nearest(name.partition(".")[2] or name, blockless)
    return f"did you mean {blockless[found]!r}?" if found else ""


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        extras = ",".join(point.extras)
        hint = f"pip install '{point.dist.name}[{extras}]'" if extras and point.dist else ""
        raise DefinitionError(f"{point.name} cannot be loaded from {point.value}: {error}", hint=hint) from error
