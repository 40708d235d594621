from __future__ import annotations

import pytest

from bindings.contract import PubSub
from tests.bindings.mqtt.project import make_pubsub
from tests.bindings.mqtt.server import Mosquitto
from tests.bindings.topics import PubSubConformance, TopicConformance


class TestMqttPubSub(PubSubConformance):
    keeps_content_type = False  # MQTT 3.1.1 has no headers

    @pytest.fixture(autouse=True)
    def _server(self, server: Mosquitto) -> None:
        self.url = server.url

    async def make(self) -> PubSub:
        return make_pubsub(self.url)


class TestMqttTopic(TopicConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: Mosquitto) -> None:
        self.url = server.url

    async def make_pubsub(self) -> PubSub:
        return make_pubsub(self.url)
