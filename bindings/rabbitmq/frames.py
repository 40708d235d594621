"""The frames of AMQP 0-9-1 that a message is made of: written and read here, because they are the hot path.

What aio-pika does for each message (objects, futures, a task, a write) costs several times what the server needs. Here
a batch of messages is one run of bytes. Everything else of the protocol stays aio-pika's.
Source: AMQP 0-9-1 specification, 2.3.5 and 4.2 (https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, TypeAlias

import pamqp.decode

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END = b"\xce"
FRAME = Struct(">BHL")  # type, channel, size of the payload; `END` follows the payload
OVERHEAD = FRAME.size + 1

_BASIC = 60
CANCEL, PUBLISH, RETURN, DELIVER, ACK, NACK = ((_BASIC << 16) + method for method in (30, 40, 50, 60, 80, 120))

_LONG, _LONG_LONG, _SHORT = Struct(">L"), Struct(">Q"), Struct(">H")
_CONFIRM = Struct(">LQB")  # class and method, delivery tag, bits
_CONTENT = Struct(">HHQH")  # class, weight, size of the body, which properties there are
_TRANSIENT, _PERSISTENT = 1, 2

Header: TypeAlias = str | int | bool

# The properties in the order of their flags, from bit 15 down, and how each is written.
_PROPERTIES = (
    ("content_type", "text"),
    ("content_encoding", "text"),
    ("headers", "table"),
    ("delivery_mode", "byte"),
    ("priority", "byte"),
    ("correlation_id", "text"),
    ("reply_to", "text"),
    ("expiration", "text"),
    ("message_id", "text"),
    ("timestamp", "time"),
    ("type", "text"),
    ("user_id", "text"),
    ("app_id", "text"),
    ("cluster_id", "text"),
)


@dataclass(slots=True)
class Content:
    """A content header: how long the body is, and the properties that the message has."""

    size: int
    properties: dict[str, Any]


def read_content(payload: bytes) -> Content:
    """Raises `ValueError` or `struct.error` when the payload is not a content header."""
    _, _, size, flags = _CONTENT.unpack_from(payload)
    properties: dict[str, Any] = {}
    at = _CONTENT.size
    for bit, (name, kind) in enumerate(_PROPERTIES):
        if not flags & 0x8000 >> bit:
            continue
        if kind == "text":
            properties[name], at = _read_text(payload, at)
        elif kind == "table":
            properties[name], at = _read_table(payload, at)
        elif kind == "byte":
            properties[name], at = payload[at], at + 1
        else:
            properties[name], at = _LONG_LONG.unpack_from(payload, at)[0], at + 8
    return Content(size, properties)


def read_delivery(payload: bytes) -> tuple[int, bool, str, str]:
    """Of Basic.Deliver: the delivery tag, whether it comes again, the exchange and the routing key."""
    at = 5 + payload[4]  # after the consumer tag
    tag = _LONG_LONG.unpack_from(payload, at)[0]
    exchange, after = _read_text(payload, at + 9)
    return tag, bool(payload[at + 8]), exchange, _read_text(payload, after)[0]


def read_confirm(payload: bytes) -> tuple[int, bool]:
    """Of Basic.Ack or Basic.Nack: the tag, and whether it is for all up to it."""
    _, tag, bits = _CONFIRM.unpack_from(payload)
    return tag, bool(bits & 1)


def read_return(payload: bytes) -> str:
    """Of Basic.Return: why, in the server's words."""
    return _read_text(payload, 6)[0]


def method_of(payload: bytes) -> int:
    return int(_LONG.unpack_from(payload)[0])


def ack(channel: int, tag: int, multiple: bool) -> bytes:
    return frame(METHOD, channel, _CONFIRM.pack(ACK, tag, multiple))


def requeue(channel: int, tag: int) -> bytes:
    return frame(METHOD, channel, _CONFIRM.pack(NACK, tag, 0b10))


def reject(channel: int, tag: int) -> bytes:
    """The message goes where the queue sends its dead letters, or nowhere."""
    return frame(METHOD, channel, _CONFIRM.pack(NACK, tag, 0))


def publish_method(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:
    """The default exchange (no name) leads to the queue of the key; what is mandatory and has no way comes back.

    Raises `ValueError` for a name of more than 255 bytes.
    """
    names = _text(exchange) + _text(routing_key)
    return frame(METHOD, channel, _LONG.pack(PUBLISH) + b"\0\0" + names + bytes((mandatory,)))


def content_frames(channel: int, properties: bytes, body: bytes, frame_max: int) -> bytes:
    """A message after its method: the header with its `properties`, and the body in as many frames as it needs."""
    header = frame(HEADER, channel, _SHORT.pack(_BASIC) + b"\0\0" + _LONG_LONG.pack(len(body)) + properties)
    if not body:
        return header
    most = frame_max - OVERHEAD
    if len(body) <= most:
        return header + frame(BODY, channel, body)
    pieces = (frame(BODY, channel, body[at : at + most]) for at in range(0, len(body), most))
    return b"".join([header, *pieces])


def write_properties(
    *,
    content_type: str,
    headers: Mapping[str, Header],
    message_id: str,
    timestamp: int,
    priority: int | None = None,
    expiration: int | None = None,
    persistent: bool = True,
) -> bytes:
    """The flags and values of a message. `timestamp`: seconds since the epoch; `expiration`: milliseconds.

    Raises `ValueError` for a text of more than 255 bytes: AMQP has no room for it.
    """
    flags = 0x8000 | 0x2000 | 0x1000 | 0x0080 | 0x0040  # bits in the order of `_PROPERTIES`
    parts = [_text(content_type), _table(headers), bytes((_PERSISTENT if persistent else _TRANSIENT,))]
    if priority is not None:
        flags |= 0x0800
        parts.append(bytes((priority,)))
    if expiration is not None:
        flags |= 0x0100
        parts.append(_text(str(expiration)))
    parts += [_text(message_id), _LONG_LONG.pack(timestamp)]
    return _SHORT.pack(flags) + b"".join(parts)


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return FRAME.pack(kind, channel, len(payload)) + payload + END


def _read_text(payload: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + payload[at]
    return payload[at + 1 : end].decode("utf-8", "replace"), end


def _read_table(payload: bytes, at: int) -> tuple[dict[str, Any], int]:
    end = at + 4 + int(_LONG.unpack_from(payload, at)[0])
    at += 4
    table: dict[str, Any] = {}
    while at < end:
        name, at = _read_text(payload, at)
        if payload[at] == 0x53:  # "S": nearly every header is a text
            after = at + 5 + int(_LONG.unpack_from(payload, at + 1)[0])
            table[name] = payload[at + 5 : after].decode("utf-8", "replace")
            at = after
        else:
            used, table[name] = pamqp.decode.embedded_value(payload[at:end])
            at += used
    return table, end


def _text(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 255:
        raise ValueError(f"{text[:40]!r}… has more than 255 bytes")
    return bytes((len(encoded),)) + encoded


def _table(values: Mapping[str, Header]) -> bytes:
    parts = []
    for name, value in values.items():
        parts.append(_text(name))
        if isinstance(value, str):
            encoded = value.encode()
            parts.append(b"S" + _LONG.pack(len(encoded)) + encoded)
        elif isinstance(value, bool):
            parts.append(b"t\1" if value else b"t\0")
        else:
            parts.append(b"I" + value.to_bytes(4, "big", signed=True))
    table = b"".join(parts)
    return _LONG.pack(len(table)) + table
