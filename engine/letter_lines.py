"""Dead letters as JSON: for a person to read, and without loss, a line for each, for a file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from types import NoneType
from typing import Any

from bindings.store import DeadLetter
from engine.cloudevents import encode_one
from engine.errors import Permanent
from engine.event import Event, rfc3339

_FIELDS: Mapping[str, tuple[type, ...]] = {
    "id": (str,),
    "pipeline": (str,),
    "revision": (str,),
    "stage": (str,),
    "event": (dict,),
    "origin": (dict,),
    "metadata": (dict,),
    "error": (str,),
    "status": (int, NoneType),
    "body": (str, NoneType),
    "attempts": (int,),
    "time": (int, float),
    "key": (str, NoneType),
}
_ADDED = {"key": None}  # what lines of former versions do not have
_YEAR_10000 = 253_402_300_800.0


def when(letter: DeadLetter) -> str:
    return rfc3339(letter.time)[:19] + "Z"


def shown(letter: DeadLetter) -> dict[str, Any]:
    """For a person: the events as CloudEvents JSON, the body as text."""
    return {
        "id": letter.id,
        "time": when(letter),
        "pipeline": letter.pipeline,
        "revision": letter.revision,
        "stage": letter.stage,
        "attempts": letter.attempts,
        "key": letter.key,
        "error": letter.error,
        "status": letter.status,
        "body": letter.body.decode(errors="replace") if letter.body is not None else None,
        "metadata": dict(letter.metadata),
        "event": cloudevent(letter.event),
        "origin": cloudevent(letter.origin),
    }


def cloudevent(event: Event) -> Any:
    """As CloudEvents JSON, whatever its data is."""
    try:
        return json.loads(encode_one(event))
    except Permanent:  # its data is not what its content type says: shown as bytes
        return json.loads(encode_one(event.replace(datacontenttype="application/octet-stream")))


def line_of(letter: DeadLetter) -> str:
    """Without loss; bytes are base64, because data may be anything, whatever its content type says."""
    fields = {name: getattr(letter, name) for name in _FIELDS}
    events = {"event": _event_fields(letter.event), "origin": _event_fields(letter.origin)}
    return json.dumps({**fields, **events, "metadata": dict(letter.metadata), "body": _encoded(letter.body)})


def letter_of_line(line: str) -> DeadLetter:
    """What `line_of` wrote; raises `ValueError` for anything else."""
    fields = json.loads(line)
    if isinstance(fields, dict):
        fields = {**_ADDED, **fields}
    _expect(isinstance(fields, dict) and fields.keys() == _FIELDS.keys(), f"it needs the fields {', '.join(_FIELDS)}")
    for name, types in _FIELDS.items():
        _expect(isinstance(fields[name], types), f"{name} is not what it should be: {fields[name]!r:.80}")
    _expect(0 <= fields["time"] < _YEAR_10000, "time is not a number of seconds since 1970")
    _expect(
        all(isinstance(value, str) for value in fields["metadata"].values()), "metadata has values that are no text"
    )
    events = {name: _event(fields[name], name) for name in ("event", "origin")}
    return DeadLetter(**{**fields, **events, "body": _decoded(fields["body"])})


def _event_fields(event: Event) -> dict[str, Any]:
    return {"attributes": dict(event.attributes), "data": _encoded(event.data)}


def _event(fields: dict[str, Any], name: str) -> Event:
    attributes, data = fields.get("attributes", {}), fields.get("data")
    _expect(isinstance(attributes, dict), f"{name} has no attributes")
    _expect({"id", "source", "type"} <= attributes.keys(), f"{name} is no event: it needs an id, a source and a type")
    _expect(all(isinstance(v, str | int) for v in attributes.values()), f"{name} has attributes that are no attributes")
    _expect(isinstance(data, str | None), f"the data of {name} is not base64")
    return Event(attributes, _decoded(data))


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _encoded(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
