"""The events of a plan: out of a file, of dead letters, and of what waits at an input."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from mimetypes import MimeTypes
from pathlib import PurePath
from typing import Any

from bindings.contract import Clock, Context, Received
from bindings.store import DeadLetter, LetterQuery, Store
from engine.cloudevents import decode_json
from engine.counted import counted
from engine.definitions.check import Definitions
from engine.errors import DefinitionError
from engine.event import Attribute, Event
from engine.letter_choice import LetterChoice, found
from engine.registry import component_type
from engine.resolver import Resolver
from engine.suggest import close_match

_types = MimeTypes()  # those of Python, which are the same on every machine
_REQUIRED = {"specversion", "id", "source", "type"}


def content_type_of(name: str) -> str | None:
    """The media type that a file's suffix means; None where it means none."""
    content_type, encoding = _types.guess_type(name)
    return None if encoding else content_type


def events_of_file(name: str, data: bytes, metadata: Mapping[str, str]) -> list[Received]:
    """A CloudEvent, or an array of them, in JSON; anything else is the data of one event, with its id from the name."""
    held = _cloudevents(data)
    if held:
        return [_received(event, metadata) for event in held]
    content_type = content_type_of(name)
    attributes: dict[str, Attribute] = {"datacontenttype": content_type} if content_type else {}
    return [Received(PurePath(name).name, data, attributes, metadata)]


def _cloudevents(data: bytes) -> list[Event]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return []
    values: list[Any] = value if isinstance(value, list) else [value]
    are_events = all(isinstance(one, dict) and one.keys() >= _REQUIRED for one in values)
    return [decode_json(one) for one in values] if are_events else []


async def events_of_letter(store: Store, id: str, pipeline: str) -> list[Received]:
    """The event of a dead letter, as it came in; raises `DefinitionError`."""
    letter = await found(store, id)
    if letter.pipeline != pipeline:
        raise DefinitionError(f"the dead letter {id} is one of the pipeline {letter.pipeline!r}, not of {pipeline!r}")
    return [_of_letter(letter)]


async def last_events(
    definitions: Definitions, name: str, store: Store, clock: Clock, count: int
) -> tuple[list[Received], str]:
    """At most `count` events and, for a person, where they come from.

    The engine keeps no event that went well, so these are the newest of the pipeline's dead letters, as they came in,
    and after them those that wait at its input, where its type can show them without taking them.
    """
    letters: deque[DeadLetter] = deque(maxlen=count)
    async for page in LetterChoice(store, clock.now(), which=LetterQuery(name)).pages():
        letters.extend(page)
    waiting = await _waiting(definitions, name, store, clock, count - len(letters)) if len(letters) < count else []
    kept = counted(len(letters), "dead letter")
    return [*map(_of_letter, letters), *waiting], f"{kept} and {len(waiting):,} waiting at the input"


async def _waiting(definitions: Definitions, name: str, store: Store, clock: Clock, count: int) -> Sequence[Received]:
    pipeline = definitions.pipelines.get(name)
    if pipeline is None:
        hint = close_match(name, definitions.pipelines) or "`jackfield check` may say why"
        raise DefinitionError(f"there is no pipeline {name!r} that could run", hint=hint)
    source = pipeline.model.spec.input
    binding = source.component
    type_name = definitions.components[binding].model.spec.type if isinstance(binding, str) else binding.type
    peek = component_type(type_name).peek
    if peek is None:
        return []
    async with Resolver(definitions, store, clock) as resolver:
        use = await resolver.binding(pipeline, ("spec", "input", source.field), binding)
    return await peek(use.settings, Context(use.name, store, clock), count)


def _of_letter(letter: DeadLetter) -> Received:
    return _received(letter.origin, letter.metadata)


def _received(event: Event, metadata: Mapping[str, str]) -> Received:
    attributes = {name: value for name, value in event.attributes.items() if name not in ("specversion", "id")}
    return Received(event.id, event.data, attributes, metadata)
