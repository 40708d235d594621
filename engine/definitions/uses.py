"""Where the pipelines use components and apps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from engine.definitions.definition import Definition
from engine.definitions.document import Document, Step

Direction: TypeAlias = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class ComponentUse:
    """One use of a binding: `binding` is the name of a component, or a mapping where it is written in place."""

    pipeline: Definition
    direction: Direction
    binding: str | Mapping[str, Any]
    path: tuple[Step, ...]  # of `binding`
    operation: Any = None

    @property
    def document(self) -> Document:
        return self.pipeline.document


@dataclass(frozen=True, slots=True)
class AppUse:
    pipeline: Definition
    name: str
    path: tuple[Step, ...]

    @property
    def document(self) -> Document:
        return self.pipeline.document


def component_uses(pipeline: Definition) -> Iterator[ComponentUse]:
    """All uses of bindings in a pipeline document, as far as it has the shape of one."""
    source = pipeline.spec.get("input")
    if isinstance(source, dict) and isinstance(source.get("binding"), str | dict):
        yield ComponentUse(pipeline, "input", source["binding"], ("spec", "input", "binding"))
    for index, output in _items(pipeline.spec.get("outputs")):
        if isinstance(output.get("binding"), str | dict):
            path = ("spec", "outputs", index, "binding")
            yield ComponentUse(pipeline, "output", output["binding"], path, output.get("operation"))


def app_uses(pipeline: Definition) -> Iterator[AppUse]:
    """All uses of apps by name."""
    for index, step in _items(pipeline.spec.get("steps")):
        call = step.get("call")
        if isinstance(call, dict) and isinstance(call.get("app"), str):
            yield AppUse(pipeline, call["app"], ("spec", "steps", index, "call", "app"))


def _items(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    items = value if isinstance(value, list) else ()
    return ((index, item) for index, item in enumerate(items) if isinstance(item, dict))
