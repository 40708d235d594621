from __future__ import annotations

import pytest

from bindings.mqtt.message import payload_of, retain_flag, topic_name
from engine.errors import Permanent


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a/#", "a\0b"])
def test_topic_that_cannot_be_published_to_is_permanent(topic: str) -> None:
    with pytest.raises(Permanent, match="cannot be published to"):
        topic_name(topic)


def test_retain_is_what_the_message_says_else_what_the_component_says() -> None:
    assert [retain_flag(text, True) for text in (None, "", "true", "0")] == [True, True, True, False]
    with pytest.raises(Permanent, match="retain: 'maybe' is neither true nor false"):
        retain_flag("maybe", False)


def test_payload_has_a_limit() -> None:
    class Long(bytes):
        def __len__(self) -> int:
            return 268_435_456

    with pytest.raises(Permanent, match="268,435,456 bytes are more"):
        payload_of(Long())
    assert payload_of(b"x") == b"x"
