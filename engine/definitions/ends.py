"""The ends of a pipeline: its input, its outputs, its dead letters. Each is a binding, or a topic of a pub/sub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.definitions.definition import Definition
from engine.definitions.diagnostic import Diagnostic
from engine.definitions.document import Document, Step
from engine.definitions.shape_codes import MISSING_FIELD, NOT_EXACTLY_ONE

_ONLY_OF_TOPICS = {"input": ("topic", "metadata"), "outputs": ("topic",), "delivery": ("topic",)}


def check_ends(pipeline: Definition) -> Iterator[Diagnostic]:
    """That each end is exactly one of the two, and has what belongs to that one. JSON Schema could say so, but its
    errors help nobody.
    """
    spec = pipeline.spec
    yield from _check(pipeline.document, ("spec", "input"), spec.get("input"))
    outputs = spec.get("outputs")
    for index, output in enumerate(outputs if isinstance(outputs, list) else ()):
        yield from _check(pipeline.document, ("spec", "outputs", index), output)
    delivery = spec.get("delivery")
    if isinstance(delivery, dict):
        yield from _check(pipeline.document, ("spec", "delivery", "deadLetter"), delivery.get("deadLetter"))


def _check(document: Document, place: tuple[Step, ...], end: Any) -> Iterator[Diagnostic]:
    if not isinstance(end, dict):
        return
    noun = {"input": "an input", "outputs": "an output"}.get(str(place[1]), "`deadLetter`")
    if "binding" in end and "pubsub" in end:
        message = f"{noun} is a `binding` or a topic of a `pubsub`, not both"
        yield document.error(NOT_EXACTLY_ONE, message, (*place, "pubsub"), "leave out one of them", key=True)
    elif "binding" in end:
        yield from _check_fields(document, place, end, "pubsub", _ONLY_OF_TOPICS[str(place[1])])
    elif "pubsub" in end:
        yield from _check_fields(document, place, end, "binding", ("operation",))
        if "topic" not in end:
            hint = "add `topic: NAME`"
            yield document.error(MISSING_FIELD, f"{noun} of a `pubsub` needs `topic`", place, hint, key=True)
    else:
        hint = "write `binding: NAME`, or `pubsub: NAME` and `topic: NAME`"
        yield document.error(MISSING_FIELD, f"{noun} needs `binding` or `pubsub`", place, hint, key=True)


def _check_fields(
    document: Document, place: tuple[Step, ...], end: Mapping[str, Any], other: str, fields: tuple[str, ...]
) -> Iterator[Diagnostic]:
    """These fields belong to the other of the two."""
    for field in fields:
        if field in end:
            message = f"`{field}` belongs to a `{other}`, which is not written here"
            yield document.error(NOT_EXACTLY_ONE, message, (*place, field), "leave it out", key=True)
