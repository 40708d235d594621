"""What the operations of object stores have in common, as Dapr's bindings have them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from bindings.contract import Operation, Result
from bindings.metadata import parse_duration, parse_flag
from engine.errors import EventError, Permanent
from engine.event import Event, is_json

T = TypeVar("T")
M = TypeVar("M", bound="Payload")
_AT_ONCE = 10  # items of a bulk operation that says nothing, as Dapr has it


class Payload(BaseModel):
    """The data of an operation that takes JSON. Unknown names are passed over, as Dapr does it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, strict=True)


def payload(operation: Operation, model: type[M]) -> M:
    """No data is an empty payload. Raises `Permanent`."""
    try:
        return model.model_validate_json(operation.event.data or b"{}")
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_context=False, include_input=False)
        place = ".".join(map(str, first["loc"]))
        raise Permanent(f"the data of {operation.name} are not as it takes them: {place}: {first['msg']}") from error


def flag(operation: Operation, name: str, default: bool) -> bool:
    value = operation.metadata.get(name)
    try:
        return parse_flag(value) if value else default
    except ValueError as error:
        raise Permanent(f"{name}: {error}") from error


def seconds(operation: Operation, name: str, default: float | None) -> float | None:
    value = operation.metadata.get(name)
    try:
        found = parse_duration(value) if value else default
    except ValueError as error:
        raise Permanent(f"{name}: {error}") from error
    if found is not None and found <= 0:
        raise Permanent(f"{name} must be more than zero")
    return found


def required(operation: Operation, *names: str) -> str:
    """The first of these metadata that is set."""
    for name in names:
        if value := operation.metadata.get(name):
            return value
    raise Permanent(f"{operation.name} needs `{names[0]}` in the metadata of the operation")


def name_of(event: Event) -> str:
    """A UUID, as Dapr makes one where there is no name, but the same one when the event comes again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{event.source} {event.id}"))


def content(event: Event, *, decode_base64: bool) -> tuple[bytes, str | None]:
    """What `create` writes, and its content type where that is known. JSON text is written without its quotes."""
    if event.data is None and "dataref" in event.attributes:
        raise Permanent("the event has no data, only a reference to it (dataref), which is not followed")
    data = event.data or b""
    text = _json_text(data) if is_json(event.content_type) else None
    if decode_base64:
        return from_base64(data if text is None else text), None
    if text is not None:
        return text, None
    said = event.attributes.get("datacontenttype")
    return data, str(said) if said else None


def _json_text(data: bytes) -> bytes | None:
    if data[:1] != b'"':
        return None
    try:
        return str(json.loads(data)).encode()
    except ValueError:
        return None


def from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise Permanent(f"the data are not base64, as decodeBase64 says: {error}") from error


def answer(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_instant).encode()


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{value!r} is not for JSON")


async def in_lanes(
    operations: Sequence[Operation],
    key_of: Callable[[Operation], str],
    perform: Callable[[Operation], Awaitable[Result]],
) -> Sequence[Result | EventError]:
    """All of them at once, but those with one key in their order."""
    outcomes: list[Result | EventError] = [Result()] * len(operations)
    lanes: dict[str, list[int]] = {}
    for number, operation in enumerate(operations):
        lanes.setdefault(key_of(operation), []).append(number)

    async def run(lane: list[int]) -> None:
        for number in lane:
            try:
                outcomes[number] = await perform(operations[number])
            except EventError as error:
                outcomes[number] = error

    await asyncio.gather(*map(run, lanes.values()))
    return outcomes


async def each(
    items: Sequence[T], concurrency: int | None, perform: Callable[[T], Awaitable[dict[str, object]]]
) -> list[dict[str, object]]:
    """The answers to the items of a bulk operation; an item that can never work has its `error` in its answer.

    Raises what may pass later (`Retryable`): then the whole operation is done again, which changes nothing for the
    items that are done.
    """
    if concurrency is not None and concurrency <= 0:
        raise Permanent(f"concurrency must be greater than 0, got {concurrency}")
    free = asyncio.Semaphore(concurrency or _AT_ONCE)

    async def one(item: T) -> dict[str, object]:
        async with free:
            return await perform(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
