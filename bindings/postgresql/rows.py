"""The rows of a query as JSON: an array of arrays, as Dapr gives them.

The server's texts become JSON without a detour, so that a number keeps all its digits.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from typing import Any, TypeAlias

from psycopg.pq.abc import PGresult

from bindings.postgresql.parameters import is_array

_Written: TypeAlias = Callable[[str], str]

_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
_TIME = re.compile(r"(\d{4,}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d+)?))?([+-]\d\d)?(:\d\d)?(:\d\d)?")
_TOKEN = re.compile(r'[{}]|"((?:[^"\\]|\\.)*)"|[^{},"]+')


def as_json(result: PGresult) -> bytes:
    columns = [_writer(result.ftype(number)) for number in range(result.nfields)]
    rows = []
    for row in range(result.ntuples):
        values = (result.get_value(row, number) for number in range(len(columns)))
        written = [
            "null" if value is None else column(value.decode()) for column, value in zip(columns, values, strict=True)
        ]
        rows.append(f"[{','.join(written)}]")
    return f"[{','.join(rows)}]".encode()


def _writer(oid: int) -> _Written:
    element = is_array(oid)
    if element:
        of_element = _writer(element)
        return lambda text: _array(text, of_element)
    return _WRITERS.get(oid, encode_basestring)


def _boolean(text: str) -> str:
    return "true" if text == "t" else "false"


def _number(text: str) -> str:
    return text if _NUMBER.fullmatch(text) else encode_basestring(text)  # NaN and Infinity are no JSON


def _json(text: str) -> str:
    return text


def _bytes(text: str) -> str:
    """Base64, as JSON of Go has bytes."""
    return f'"{b64encode(bytes.fromhex(text.removeprefix(chr(92) + "x"))).decode()}"'


def _time(text: str) -> str:
    """RFC 3339; a time without a zone counts as UTC, as Dapr has it. What has no such form (infinity, years before
    Christ, another `DateStyle`) stays as it is.
    """
    match = _TIME.fullmatch(text)
    if match is None or match[5]:
        return encode_basestring(text)
    date, time, hours, minutes, _ = match.groups()
    zone = f"{hours}{minutes or ':00'}" if hours else "Z"
    return f'"{date}T{time or "00:00:00"}{"Z" if zone == "+00:00" else zone}"'


def _array(text: str, written: _Written) -> str:
    tokens = _TOKEN.finditer(text.partition("=")[2] if text.startswith("[") else text)
    next(tokens)  # the first brace
    return _elements(tokens, written)


def _elements(tokens: Iterator[re.Match[str]], written: _Written) -> str:
    found = []
    for token in tokens:
        if token[0] == "}":
            break
        if token[0] == "{":
            found.append(_elements(tokens, written))
        elif token[1] is not None:
            found.append(written(re.sub(r"\\(.)", r"\1", token[1], flags=re.DOTALL)))
        else:
            found.append("null" if token[0] == "NULL" else written(token[0]))
    return f"[{','.join(found)}]"


# By the numbers of the types (https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat).
_WRITERS: dict[int, Callable[[str], Any]] = {
    16: _boolean,
    17: _bytes,
    20: _number,  # int8
    21: _number,  # int2
    23: _number,  # int4
    26: _number,  # oid
    114: _json,
    700: _number,  # float4
    701: _number,  # float8
    1082: _time,  # date
    1114: _time,  # timestamp
    1184: _time,  # timestamptz
    1700: _number,  # numeric
    3802: _json,  # jsonb
}
