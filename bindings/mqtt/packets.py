"""The packets of MQTT 3.1.1, as many as at-least-once needs: QoS 0 and 1.

Source: http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html, chapters 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13  # what a server sends
PINGREQ, DISCONNECT = b"\xc0\x00", b"\xe0\x00"
LONGEST = 268_435_455  # bytes after the fixed header (2.2.3)

_SHORT = Struct(">H")
_ACK = Struct(">BBH")
_MORE = 0x80


class Malformed(ValueError):
    """The server does not speak MQTT 3.1.1."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as the server gave it out. `packet_id` is 0 for QoS 0; else the same when it comes again."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    retained: bool
    duplicate: bool


def connect(client_id: str, user: str | None, password: str | None, clean_session: bool, keep_alive: int) -> bytes:
    flags = (clean_session and 0x02) | (password is not None and 0x40) | (user is not None and 0x80)
    fields = [_text(part) for part in (client_id, user, password) if part is not None]
    return _packet(0x10, b"\x00\x04MQTT\x04", bytes([flags]), _SHORT.pack(keep_alive), *fields)


def publish(topic: str, payload: bytes, *, qos: int, retain: bool, packet_id: int) -> bytes:
    """Raises `ValueError` for a topic or a payload that is too long."""
    number = _SHORT.pack(packet_id) if qos else b""
    return _packet(0x30 | qos << 1 | retain, _text(topic), number, payload)


def puback(packet_id: int) -> bytes:
    return _ACK.pack(0x40, 2, packet_id)


def subscribe(packet_id: int, topic_filter: str, qos: int) -> bytes:
    return _packet(0x82, _SHORT.pack(packet_id), _text(topic_filter), bytes([qos]))


def split(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """The first byte of the packet at that place, what follows its fixed header, and where the next one begins; None
    while it is not all there.
    """
    length, place = 0, at + 1
    for shift in (0, 7, 14, 21):
        if place >= len(data):
            return None
        byte = data[place]
        length |= (byte & 0x7F) << shift
        place += 1
        if not byte & _MORE:
            break
    else:
        raise Malformed("a length of more than four bytes")
    end = place + length
    return (data[at], data[place:end], end) if end <= len(data) else None


def read_publish(first: int, body: bytes) -> Delivery:
    qos = first >> 1 & 3
    if qos > 1:
        raise Malformed(f"a message of QoS {qos}, which was not subscribed")
    length = _number(body, 0)
    at, packet_id = 2 + length, 0
    if len(body) < at:
        raise Malformed("a message without its topic")
    topic = body[2:at].decode(errors="replace")
    if qos:
        packet_id = _number(body, at)
        at += 2
    return Delivery(topic, body[at:], qos, packet_id, bool(first & 1), bool(first & 8))


def read_connack(body: bytes) -> tuple[bool, int]:
    """Whether the session was there, and the return code (3.2.2)."""
    if len(body) != 2:
        raise Malformed("a CONNACK of another length")
    return bool(body[0] & 1), body[1]


def read_puback(body: bytes) -> int:
    return _number(body, 0)


def read_suback(body: bytes) -> tuple[int, int]:
    """The packet id, and the QoS or 0x80 for a subscription that was refused."""
    if len(body) < 3:
        raise Malformed("a SUBACK without a return code")
    return _number(body, 0), body[2]


def _number(body: bytes, at: int) -> int:
    if len(body) < at + 2:
        raise Malformed("a packet that ends too early")
    return int(_SHORT.unpack_from(body, at)[0])


def _text(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 65_535:
        raise ValueError("a text of more than 65,535 bytes")
    return _SHORT.pack(len(encoded)) + encoded


def _packet(first: int, *parts: bytes) -> bytes:
    length = sum(map(len, parts))
    if length > LONGEST:
        raise ValueError(f"more than {LONGEST:,} bytes")
    header = bytearray([first])
    while True:
        length, byte = length >> 7, length & 0x7F
        header.append(byte | _MORE if length else byte)
        if not length:
            return b"".join([header, *parts])
