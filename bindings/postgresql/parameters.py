"""Values of JSON as the texts that PostgreSQL reads them from, by the types that it finds for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from psycopg.postgres import types


def as_text(values: Sequence[Any], oids: Sequence[int] = ()) -> list[bytes | None]:
    """`oids`: the types, where they are known. Raises `ValueError` for a text that PostgreSQL cannot hold."""
    return [_parameter(value, oids[number] if number < len(oids) else 0) for number, value in enumerate(values)]


def is_array(oid: int) -> int:
    """The type of the elements, if it is one of PostgreSQL's own arrays; else 0."""
    info = types.get(oid)
    return info.oid if info is not None and info.array_oid == oid else 0


def _parameter(value: Any, oid: int) -> bytes | None:
    if value is None:
        return None
    text = _array(value) if isinstance(value, list) and is_array(oid) else _text(value)
    if "\0" in text:
        raise ValueError("PostgreSQL can hold no NUL in a text")
    return text.encode()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # JSON does not tell 1.0 from 1, and a column of whole numbers takes only that
    return json.dumps(value, ensure_ascii=False)


def _array(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "{" + ",".join(map(_array, value)) + "}"
    text = _text(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
