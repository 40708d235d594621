from __future__ import annotations

import pytest

from bindings.mqtt import packets
from bindings.mqtt.packets import Delivery, Malformed


def test_connect_has_the_fields_of_the_specification() -> None:
    found = packets.connect("id", "us", "pw", clean_session=True, keep_alive=30)
    assert found == b"\x10\x16\x00\x04MQTT\x04\xc2\x00\x1e\x00\x02id\x00\x02us\x00\x02pw"
    assert packets.connect("", None, None, clean_session=False, keep_alive=0)[9] == 0


@pytest.mark.parametrize("size", [0, 1, 118, 119, 16_374, 16_375, 2_097_142, 2_097_143])
def test_message_of_any_size_is_read_as_it_was_written(size: int) -> None:
    written = packets.publish("a/ü", bytes(size), qos=1, retain=True, packet_id=513)
    found = packets.split(b"\xd0\x00" + written + b"\x30", 2)
    assert found is not None
    first, body, end = found
    assert end == len(written) + 2
    assert packets.read_publish(first, body) == Delivery("a/ü", bytes(size), 1, 513, retained=True, duplicate=False)
    assert packets.split(written[:-1], 0) is None
    assert packets.split(written[:1], 0) is None


def test_message_of_qos_0_has_no_packet_id() -> None:
    written = packets.publish("t", b"x", qos=0, retain=False, packet_id=7)
    assert written == b"\x30\x04\x00\x01tx"
    assert packets.read_publish(0x30, written[2:]).packet_id == 0


def test_other_packets_are_those_of_the_specification() -> None:
    assert packets.puback(258) == b"\x40\x02\x01\x02"
    assert packets.subscribe(1, "a/#", 1) == b"\x82\x08\x00\x01\x00\x03a/#\x01"
    assert packets.read_connack(b"\x01\x05") == (True, 5)
    assert packets.read_suback(b"\x01\x02\x80") == (258, 0x80)
    assert packets.read_puback(b"\x01\x02") == 258


@pytest.mark.parametrize(
    ("first", "body"), [(0x34, b"\x00\x01t\x00\x01"), (0x32, b"\x00\x01t\x00"), (0x32, b"\x00"), (0x30, b"\x00\x05t")]
)
def test_message_that_is_none_is_malformed(first: int, body: bytes) -> None:
    with pytest.raises(Malformed):
        packets.read_publish(first, body)


def test_packet_that_is_none_is_malformed() -> None:
    for read, body in ((packets.read_connack, b"\x00"), (packets.read_suback, b"\x00\x01"), (packets.read_puback, b"")):
        with pytest.raises(Malformed):
            read(body)
    with pytest.raises(Malformed, match="more than four bytes"):
        packets.split(b"\x30\xff\xff\xff\xff\x01", 0)


def test_what_is_too_long_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="65,535"):
        packets.publish("t" * 65_536, b"", qos=0, retain=False, packet_id=0)
