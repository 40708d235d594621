from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from bindings.contract import InputBinding, OutputBinding
from bindings.kafka import component
from engine.event import Attribute
from tests.bindings.conformance import InputConformance, all_results
from tests.bindings.fakes import context, operation
from tests.bindings.kafka.server import Kafka


def metadata(brokers: str, **more: Any) -> Any:
    return component.metadata.model_validate({"brokers": brokers, "authType": "none", **more})


def make_input(brokers: str, topics: str, **more: Any) -> InputBinding:
    assert component.input is not None
    return component.input(metadata(brokers, topics=topics, **more), context("orders"))


def make_output(brokers: str, topic: str, **more: Any) -> OutputBinding:
    assert component.output is not None
    return component.output(metadata(brokers, publishTopic=topic, **more), context("orders"))


@asynccontextmanager
async def opened(binding: Any) -> AsyncIterator[Any]:
    try:
        await binding.open()
        yield binding
    finally:
        await binding.close()


class TestKafkaInput(InputConformance):
    attributes: ClassVar[Mapping[str, Attribute]] = {"type": "order", "source": "/shop", "subject": "42", "size": "7"}
    counts_attempts = True
    patience = 10.0

    @pytest.fixture(autouse=True)
    def _server(self, server: Kafka, topic: str) -> None:
        self.brokers, self.topic = server.address, topic

    async def make(self) -> InputBinding:
        return make_input(self.brokers, self.topic, consumerGroup=self.topic)

    async def produce(self, count: int) -> Sequence[bytes | None]:
        operations = [operation("create", type="order", source="/shop", subject="42", size=7) for _ in range(count)]
        async with opened(make_output(self.brokers, self.topic)) as output:
            assert all_results(await output.invoke(operations))
        return [one.event.data for one in operations]
