from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from bindings.contract import InputBinding, Outcome
from bindings.memory.input import MemoryInput
from bindings.memory.metadata import MemoryMetadata
from bindings.memory.output import MemoryOutput
from engine.event import Attribute
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context, operation


async def put(*ids: str, data: bytes | None = None) -> list[bytes | None]:
    output = MemoryOutput(MemoryMetadata(), context("orders"))
    await output.open()
    operations = [operation("create", data, id=id, type="order") for id in ids]
    await output.invoke(operations)
    return [one.event.data for one in operations]


async def opened() -> MemoryInput:
    binding = MemoryInput(MemoryMetadata(), context("orders"))
    await binding.open()
    return binding


class TestMemoryInput(InputConformance):
    attributes: ClassVar[Mapping[str, Attribute]] = {"type": "order"}

    def setup_method(self) -> None:
        self.produced = 0

    async def make(self) -> InputBinding:
        return MemoryInput(MemoryMetadata(), context("orders"))

    async def produce(self, count: int) -> Sequence[bytes | None]:
        self.produced += count
        return await put(*(str(number) for number in range(self.produced - count, self.produced)))


async def test_two_events_with_one_id_are_two_messages() -> None:
    await put("same", data=b"first")
    await put("same", data=b"second")
    binding = await opened()
    first, second = await binding.read(10)
    await binding.settle(settled([second]))
    await binding.settle(settled([first], Outcome.RELEASED))
    assert [message.data for message in await binding.read(10)] == [b"first"]


async def test_two_inputs_of_one_queue_share_its_messages() -> None:
    await put("1", "2", "3")
    one, other = await opened(), await opened()
    assert [message.id for message in [*await one.read(1), *await other.read(1), *await one.read(1)]] == ["1", "2", "3"]
