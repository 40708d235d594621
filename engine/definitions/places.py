"""Pipelines that feed each other: where an output puts its events is where an input takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from bindings.manifest import ComponentType
from bindings.metadata import Metadata
from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic, Severity
from engine.definitions.uses import ComponentUse

Place: TypeAlias = tuple[str, str]
"""A component type, and what its manifest says of the metadata; or `topic`, and which."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """One output of a pipeline, and the input that it feeds."""

    output: ComponentUse
    input: ComponentUse


def place_of(use: ComponentUse, manifest: ComponentType, settings: Metadata | None) -> Place | None:
    """Where it takes events from or puts them; None where it puts none anywhere, or it is not known."""
    if use.of_topic:
        known = isinstance(use.topic, str) and "{{" not in use.topic
        return ("topic", f"{use.name} {use.topic}") if known else None
    if manifest.place is None or settings is None:
        return None
    adds = use.operation in (None, manifest.default_operation)
    place = manifest.place(settings, use.name) if adds or use.direction == "input" else None
    return (manifest.name, place) if place is not None else None


def check_loops(
    uses: Mapping[Definition, Sequence[ComponentUse]], place: Callable[[ComponentUse], Place | None]
) -> Iterator[tuple[Definition, Diagnostic]]:
    """One error or warning for each loop, at the output of its first pipeline.

    A `filter` or a `when` on the way is taken for what ends it.
    """
    inputs: dict[Place, list[ComponentUse]] = {}
    for use in (use for of_one in uses.values() for use in of_one if use.direction == "input"):
        if (where := place(use)) is not None:
            inputs.setdefault(where, []).append(use)
    edges = {
        pipeline: [_Edge(use, fed) for use in of_one if _passes_all(use) for fed in _fed(use, place, inputs)]
        for pipeline, of_one in uses.items()
    }
    in_loops: set[Definition] = set()
    for pipeline in uses:
        loop = _loop(pipeline, edges) if pipeline not in in_loops else None
        if loop is not None:
            in_loops.update(edge.output.pipeline for edge in loop)
            yield pipeline, _told(loop)


def _fed(
    use: ComponentUse, place: Callable[[ComponentUse], Place | None], inputs: Mapping[Place, list[ComponentUse]]
) -> Sequence[ComponentUse]:
    where = place(use) if use.direction == "output" else None
    return inputs.get(where, ()) if where is not None else ()


def _passes_all(use: ComponentUse) -> bool:
    is_output = use.path[:2] == ("spec", "outputs")  # and not where only dead letters go
    return is_output and not _has_step(use.pipeline, "filter") and use.document.get((*use.path[:-1], "when")) is None


def _has_step(pipeline: Definition, kind: str) -> bool:
    steps: Any = pipeline.spec.get("steps")
    return any(isinstance(step, dict) and kind in step for step in (steps if isinstance(steps, list) else ()))


def _loop(start: Definition, edges: Mapping[Definition, Sequence[_Edge]]) -> list[_Edge] | None:
    """The shortest way from a pipeline back to it."""
    waiting: deque[list[_Edge]] = deque([edge] for edge in edges[start])
    seen: set[Definition] = set()
    while waiting:
        way = waiting.popleft()
        here = way[-1].input.pipeline
        if here is start:
            return way
        if here not in seen:
            seen.add(here)
            waiting.extend([*way, edge] for edge in edges[here])
    return None


def _told(loop: Sequence[_Edge]) -> Diagnostic:
    first, last = loop[0], loop[-1]
    names = " → ".join([*(edge.output.pipeline.name for edge in loop), last.input.pipeline.name])
    asks_an_app = any(_has_step(edge.output.pipeline, "call") for edge in loop)
    ending = "only an app can end them" if asks_an_app else "nothing ends them"
    message = f"its events come back to the input of this pipeline, and {ending}: {names}"
    document = first.output.document
    related = last.input.document.span(last.input.path)
    told = document.error(
        "W301" if asks_an_app else "E308",
        message,
        first.output.path,
        "put them elsewhere, or say with `when` which of them go round again",
        related=related,
        related_message=f"here {'they are taken in again' if len(loop) == 1 else 'the way is closed'}",
    )
    return replace(told, severity=Severity.WARNING) if asks_an_app else told
