from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bindings.mqtt.metadata import MqttPubSubMetadata
from tests.bindings.mqtt.project import metadata


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"clientCert": "x"}, "clientCert and clientKey belong together"),
        ({"qos": "3"}, "qos"),
        ({"contentMode": "binary"}, "contentMode"),
        ({"cleansession": "true"}, "cleansession"),
        ({"url": "ws://localhost"}, "write it like tcp://"),
        ({"url": "localhost"}, "write it like tcp://"),
        ({"url": "tcp://localhost:x"}, "write it like tcp://"),
        ({"topic": ""}, "topic"),
        ({"consumerID": ""}, "consumerID"),
    ],
)
def test_metadata_that_cannot_work_are_refused(more: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        metadata(**{"url": "tcp://localhost", "topic": "t", **more})


@pytest.mark.parametrize(
    ("url", "place", "user", "password"),
    [
        ("tcp://localhost", ("localhost", 1883), None, None),
        ("mqtt://a:7", ("a", 7), None, None),
        ("ssl://us%40er:p%2Fw@[::1]", ("::1", 8883), "us@er", "p/w"),
        ("mqtts://user@a", ("a", 8883), "user", None),
        ("tcp://:pw@a", ("a", 1883), None, None),
    ],
)
def test_address_says_where_and_who(url: str, place: tuple[str, int], user: str | None, password: str | None) -> None:
    found = metadata(url, "t")
    assert ((found.host, found.port), found.user, found.password) == (place, user, password)
    assert (found.tls() is not None) == url.startswith(("ssl", "mqtts"))
    assert "p/w" not in found.shown


def test_pubsub_knows_qos_0_and_what_is_more() -> None:
    levels = [MqttPubSubMetadata.model_validate({"url": "tcp://a", "qos": qos}).level for qos in ("0", "1", "2")]
    assert levels == [0, 1, 1]
