from __future__ import annotations

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from bindings.nats.message import received, request_of
from tests.bindings.topics import publication


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.ORDERS.shop.3.17.5.1795525025920090647.2",
        "$JS.ACK.hub.AbCdEf.ORDERS.shop.3.17.5.1795525025920090647.2.xyz",
        "$JS.ACK._.AbCdEf.ORDERS.shop.3.17.5.1795525025920090647.2",
    ],
)
def test_place_of_a_message_is_read_from_where_it_is_acknowledged(reply: str) -> None:
    message = received(Msg(Client(), "orders.new", reply, b"x", None))
    assert (message.id, message.attempt, message.handle) == ("ORDERS:17", 3, reply)
    assert message.attributes == {"time": "2026-11-24T12:57:05.920Z"}
    assert message.metadata == {"topic": "orders.new", "stream": "ORDERS", "sequence": "17", "deliveryCount": "3"}


def test_id_of_a_message_is_of_one_line_and_of_one_topic() -> None:
    data = b'{"specversion":"1.0","id":"a\\r\\nb","source":"/s","type":"t"}'
    request = request_of("orders", publication(data, "application/cloudevents+json", rawPayload="no", tenant="blue"))
    assert request.headers == {
        "Nats-Msg-Id": "orders /s a  b",
        "Content-Type": "application/cloudevents+json",
        "tenant": "blue",
    }


def test_id_that_is_given_counts() -> None:
    data = b'{"specversion":"1.0","id":"1","source":"/s","type":"t"}'
    headers = request_of("orders", publication(data, "", **{"Nats-Msg-Id": "mine"})).headers
    assert headers == {"Nats-Msg-Id": "mine"}
