from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import yaml
from pydantic import ValidationError

from bindings.contract import OutputBinding, Received, Result
from bindings.memory import component
from bindings.memory.input import MemoryInput
from bindings.memory.metadata import MemoryMetadata
from bindings.memory.output import MemoryOutput
from tests.bindings.conformance import OutputConformance
from tests.bindings.fakes import context, operation


async def read_back(name: str) -> Sequence[Received]:
    reader = MemoryInput(MemoryMetadata(), context(name))
    await reader.open()
    return await reader.read(100)


class TestMemoryOutput(OutputConformance):
    component = component

    async def make(self) -> OutputBinding:
        return MemoryOutput(MemoryMetadata(), context("orders"))

    async def written(self) -> Sequence[bytes | None]:
        return [message.data for message in await read_back("orders")]


async def test_id_attributes_and_metadata_travel_with_the_message() -> None:
    binding = MemoryOutput(MemoryMetadata(), context("orders"))
    await binding.open()
    one = operation("create", b"5", {"tenant": "blue"}, id="o-1", type="order", subject="kit")
    [result] = await binding.invoke([one])
    assert isinstance(result, Result)
    assert result.landed == "memory queue orders"
    [message] = await read_back("orders")
    assert message.id == "o-1"
    assert message.attributes == one.event.attributes
    assert message.metadata == {"tenant": "blue"}


async def test_queue_name_decides_the_queue() -> None:
    binding = MemoryOutput(MemoryMetadata(queue_name="shared"), context("orders"))
    await binding.open()
    await binding.invoke([operation("create", b"5")])
    assert [message.data for message in await read_back("shared")] == [b"5"]


async def test_create_waits_while_the_queue_is_full() -> None:
    binding = MemoryOutput(MemoryMetadata(capacity=2), context("orders"))
    await binding.open()
    creating = asyncio.create_task(binding.invoke([operation("create", b"%d" % number) for number in range(3)]))
    await asyncio.wait({creating}, timeout=0.02)
    assert not creating.done()
    reader = MemoryInput(MemoryMetadata(capacity=2), context("orders"))
    await reader.open()
    assert [message.data for message in await reader.read(10)] == [b"0", b"1"]
    assert len(await creating) == 3
    assert [message.data for message in await reader.read(10)] == [b"2"]


@pytest.mark.parametrize("metadata", [{"capacity": "0"}, {"capacity": "many"}, {"queueName": ""}])
def test_wrong_metadata_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        MemoryMetadata.model_validate(metadata)


def test_example_is_valid() -> None:
    spec = yaml.safe_load(component.example)["spec"]
    assert spec["type"] == component.name
    component.metadata.model_validate({item["name"]: item["value"] for item in spec["metadata"]})
