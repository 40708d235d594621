"""What is known of the names in the expressions of a pipeline, whatever the event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bindings.manifest import ComponentType
from engine.definitions.value_type import EVENT, MAPPING, TEXT, TIME, ValueType, of_fields, of_kinds

ATTRIBUTES = ("id", "source", "specversion", "type", "time", "subject", "datacontenttype", "dataschema", "dataref")

_TEXT = of_kinds(TEXT)
_OPEN = of_kinds(MAPPING)


def known_names(spec: Mapping[str, Any], source: ComponentType | None) -> Mapping[str, ValueType]:
    """`event`, `metadata`, `env` and `now`; what is known of `data` changes from step to step."""
    return {"event": _event(spec.get("event")), "metadata": _metadata(source), "env": _OPEN, "now": of_kinds(TIME)}


def _event(written: Any) -> ValueType:
    """An event may have attributes that nobody has listed; those that the pipeline sets can be of three kinds."""
    extensions = written.get("extensions") if isinstance(written, dict) else None
    own = {str(name): ValueType() for name in extensions} if isinstance(extensions, dict) else {}
    return ValueType(frozenset({MAPPING}), fields={**own, **dict.fromkeys(ATTRIBUTES, _TEXT)}, owner=EVENT)


def _metadata(source: ComponentType | None) -> ValueType:
    keys = source.input_metadata if source is not None else {}
    if not keys or any("<" in key for key in keys):
        return _OPEN
    return of_fields(dict.fromkeys(keys, _TEXT), f"the metadata of {source.name if source else ''}")
