"""Where the pipelines use components and apps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from engine.definitions.definition import Definition
from engine.definitions.document import Document, Step

_NAME = re.compile(r"[A-Za-z0-9._-]+")  # the shape of other texts is wrong already

Direction: TypeAlias = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class ComponentUse:
    """One use of a binding or a pub/sub: `binding` is the name of a component, or a mapping where it is written in
    place.
    """

    pipeline: Definition
    direction: Direction
    binding: str | Mapping[str, Any]
    path: tuple[Step, ...]  # of `binding` or `pubsub`
    operation: Any = None
    topic: Any = None

    @property
    def document(self) -> Document:
        return self.pipeline.document

    @property
    def of_topic(self) -> bool:
        return self.path[-1] == "pubsub"

    @property
    def name(self) -> str:
        """The component's name; for one written in place, what the engine calls it (engine/resolver.py)."""
        if isinstance(self.binding, str):
            return self.binding
        return "-".join([self.pipeline.name, *(str(part) for part in self.path[1:-1])])


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
    yield from _uses(pipeline, "input", _mapping(pipeline.spec.get("input")), ("spec", "input"))
    for index, output in _items(pipeline.spec.get("outputs")):
        yield from _uses(pipeline, "output", output, ("spec", "outputs", index))
    where = _mapping(_mapping(pipeline.spec.get("delivery")).get("deadLetter"))
    yield from _uses(pipeline, "output", where, ("spec", "delivery", "deadLetter"))


def _uses(
    pipeline: Definition, direction: Direction, written: Mapping[str, Any], place: tuple[Step, ...]
) -> Iterator[ComponentUse]:
    """What is written at one end; of both, which is a mistake, the binding."""
    if _is_binding(written.get("binding")):
        yield ComponentUse(pipeline, direction, written["binding"], (*place, "binding"), written.get("operation"))
    elif _is_name(written.get("pubsub")):
        name = written["pubsub"]
        yield ComponentUse(pipeline, direction, name, (*place, "pubsub"), topic=written.get("topic"))


def app_uses(pipeline: Definition) -> Iterator[AppUse]:
    """All uses of apps by name."""
    for index, step in _items(pipeline.spec.get("steps")):
        call = step.get("call")
        if isinstance(call, dict) and _is_name(call.get("app")):
            yield AppUse(pipeline, call["app"], ("spec", "steps", index, "call", "app"))


def _is_binding(value: Any) -> bool:
    return isinstance(value, dict) or _is_name(value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    items = value if isinstance(value, list) else ()
    return ((index, item) for index, item in enumerate(items) if isinstance(item, dict))
