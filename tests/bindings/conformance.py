"""The conformance suite: what bindings/contract.py says, as tests that every binding passes.

A test module subclasses `InputConformance` or `OutputConformance`, implements the hooks, and declares with the flags
what its system cannot do. One test is one fresh system: an autouse fixture of the subclass, or its hooks, see to that.

    class TestMemoryInput(InputConformance):
        async def make(self) -> InputBinding:
            return MemoryInput(MemoryMetadata(), context("orders"))

        async def produce(self, count: int) -> Sequence[bytes | None]: ...
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import ClassVar

import pytest

from bindings.contract import InputBinding, Operation, Outcome, OutputBinding, Received, Result, Settled
from bindings.manifest import ComponentType
from engine.errors import Permanent
from engine.event import Attribute
from tests.bindings import fakes

ACKNOWLEDGED = [Outcome.DONE, Outcome.FILTERED, Outcome.DEAD_LETTERED]


class InputConformance(ABC):
    """Flags and hooks first; the tests follow."""

    redelivers: ClassVar[bool] = True
    """Messages that are not settled at close are given out by the next instance."""
    takes_back: ClassVar[bool] = True
    """A released message is given out again; False for an input that tells its caller to send it again."""
    counts_attempts: ClassVar[bool] = True
    """`attempt` grows with each redelivery."""
    keeps_order: ClassVar[bool] = True
    """Messages come in the order in which they were produced."""
    keeps_backlog: ClassVar[bool] = True
    """Messages wait while nobody reads; without it the suite produces and reads one at a time."""
    attributes: ClassVar[Mapping[str, Attribute]] = {}
    """Attributes that each produced message carries; there may be more."""
    patience: ClassVar[float] = 5.0
    """Seconds until a message that does not come is a failure."""
    idle: ClassVar[float] = 0.05
    """Seconds for which a read that has nothing to give is watched."""

    @abstractmethod
    async def make(self) -> InputBinding:
        """A new instance on the same system, not opened."""

    @abstractmethod
    async def produce(self, count: int) -> Sequence[bytes | None]:
        """Makes messages appear in the system, to which an instance is open; returns their data."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[InputBinding]:
        binding = await self.make()
        try:
            await binding.open()
            yield binding
        finally:
            await binding.close()

    async def read(self, binding: InputBinding, limit: int = 10) -> Sequence[Received]:
        async with asyncio.timeout(self.patience):
            batch = await binding.read(limit)
        assert 1 <= len(batch) <= limit
        return batch

    async def read_all(self, binding: InputBinding, count: int, limit: int = 10) -> list[Received]:
        received: list[Received] = []
        while len(received) < count:
            received += await self.read(binding, limit)
        return received

    async def take(self, binding: InputBinding, count: int, limit: int = 10) -> list[Received]:
        """Produces messages and reads them."""
        if self.keeps_backlog:
            await self.produce(count)
            return await self.read_all(binding, count, limit)
        received: list[Received] = []
        for _ in range(count):
            await self.produce(1)
            received += await self.read(binding, 1)
        return received

    async def assert_not_given_again(self, ids: Collection[str]) -> None:
        """A message that is produced now comes, and none of these before it."""
        async with self.opened() as binding:
            received = await self.take(binding, 1)
        assert received
        assert not {message.id for message in received} & set(ids)

    async def test_close_without_open_is_allowed(self) -> None:
        await (await self.make()).close()

    async def test_instances_can_follow_one_another(self) -> None:
        for _ in range(2):
            async with self.opened() as binding:
                received = await self.take(binding, 1)
                await binding.settle(settled(received))

    async def test_read_gives_at_least_one_and_at_most_limit(self) -> None:
        async with self.opened() as binding:
            received = await self.take(binding, 5, limit=2)
        assert len(received) == 5

    async def test_ids_are_unique_and_not_empty(self) -> None:
        async with self.opened() as binding:
            ids = [message.id for message in await self.take(binding, 5)]
        assert all(ids)
        assert len(set(ids)) == 5

    async def test_data_comes_through(self) -> None:
        count = 3 if self.keeps_backlog else 1
        async with self.opened() as binding:
            produced = await self.produce(count)
            data = [message.data for message in await self.read_all(binding, count)]
        if not self.keeps_order:
            produced, data = sorted(produced, key=repr), sorted(data, key=repr)
        assert data == list(produced)

    async def test_attributes_are_those_of_cloudevents(self) -> None:
        async with self.opened() as binding:
            [message] = await self.take(binding, 1)
        assert self.attributes.items() <= dict(message.attributes).items()
        for name, value in message.attributes.items():
            assert re.fullmatch("[a-z0-9]+", name), name
            assert isinstance(value, str | int | bool), name
        if "time" in message.attributes:
            assert datetime.fromisoformat(str(message.attributes["time"])).tzinfo
        assert all(isinstance(text, str) for pair in message.metadata.items() for text in pair)

    async def test_first_delivery_is_attempt_one(self) -> None:
        async with self.opened() as binding:
            assert [message.attempt for message in await self.take(binding, 2)] == [1, 1]

    async def test_read_waits_while_there_is_nothing(self) -> None:
        async with self.opened() as binding:
            reading = asyncio.create_task(binding.read(10))
            done, _ = await asyncio.wait({reading}, timeout=self.idle)
            assert not done
            await self.produce(1)
            async with asyncio.timeout(self.patience):
                assert len(await reading) == 1

    async def test_read_cancelled_while_it_waits_loses_nothing(self) -> None:
        async with self.opened() as binding:
            reading = asyncio.create_task(binding.read(10))
            await asyncio.wait({reading}, timeout=self.idle)
            reading.cancel()
            await asyncio.wait({reading})
            assert reading.cancelled()
            assert len(await self.take(binding, 3)) == 3

    @pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
    async def test_read_cancelled_while_a_message_comes_loses_nothing(self, turns: int) -> None:
        async with self.opened() as binding:
            reading = asyncio.create_task(binding.read(1))
            await asyncio.wait({reading}, timeout=self.idle)
            await self.produce(1)
            for _ in range(turns):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait({reading})
            batch = await self.read(binding, 1) if reading.cancelled() else reading.result()
            assert len(batch) == 1

    @pytest.mark.parametrize("outcome", ACKNOWLEDGED)
    async def test_message_is_not_given_again_after(self, outcome: Outcome) -> None:
        async with self.opened() as binding:
            received = await self.take(binding, 3)
            await binding.settle(settled(received, outcome))
        await self.assert_not_given_again([message.id for message in received])

    async def test_settle_takes_any_subset_in_any_order(self) -> None:
        async with self.opened() as binding:
            received = await self.take(binding, 5)
            for subset in ([4], [2, 0], [3, 1]):
                await binding.settle(settled([received[index] for index in subset]))
        await self.assert_not_given_again([message.id for message in received])

    async def test_settle_takes_several_calls_at_once(self) -> None:
        async with self.opened() as binding:
            received = await self.take(binding, 6)
            await asyncio.gather(*(binding.settle(settled([message])) for message in reversed(received)))
        await self.assert_not_given_again([message.id for message in received])

    async def test_settle_of_nothing_is_allowed(self) -> None:
        async with self.opened() as binding:
            await binding.settle([])

    async def test_settle_again_after_an_error_is_harmless(self) -> None:
        async with self.opened() as binding:
            received = await self.take(binding, 2)
            for _ in range(2):
                await binding.settle(settled(received))
        await self.assert_not_given_again([message.id for message in received])

    async def test_released_message_is_given_out_again(self) -> None:
        if not self.takes_back:
            pytest.skip("a released message goes back to its sender")
        async with self.opened() as binding:
            [first] = await self.take(binding, 1)
            await binding.settle(settled([first], Outcome.RELEASED))
            [again] = await self.read_all(binding, 1)
            assert (again.id, again.data) == (first.id, first.data)
            assert again.attempt == (first.attempt + 1 if self.counts_attempts else first.attempt)
            await binding.settle(settled([again]))
        await self.assert_not_given_again([first.id])

    async def test_message_unsettled_at_close_is_given_out_when_it_is_opened_again(self) -> None:
        if not self.redelivers:
            pytest.skip("an unsettled message is gone when its instance is closed")
        async with self.opened() as binding:
            [first] = await self.take(binding, 1)
            await binding.close()
            await binding.open()
            [again] = await self.read_all(binding, 1)
            assert again.id == first.id

    async def test_message_unsettled_at_close_is_given_out_by_the_next_instance(self) -> None:
        if not self.redelivers:
            pytest.skip("an unsettled message is gone when its instance is closed")
        async with self.opened() as binding:
            first, second, third = await self.take(binding, 3)
            await binding.settle(settled([second]))
        # A log that is acknowledged up to an offset may give the second one again as well.
        missing = {first.id, third.id}
        async with self.opened() as binding:
            while missing:
                for message in await self.read(binding):
                    assert message.id in {first.id, second.id, third.id}
                    missing.discard(message.id)


class OutputConformance(ABC):
    """Flags and hooks first; the tests follow."""

    component: ClassVar[ComponentType]
    """The manifest: its operations are those that are tested."""
    writes: ClassVar[str] = "create"
    """The operation whose data `written` shows."""
    keeps_order: ClassVar[bool] = True
    """What one invoke writes can be read back in its order."""

    @abstractmethod
    async def make(self) -> OutputBinding:
        """A new instance on the same system, not opened."""

    @abstractmethod
    async def written(self) -> Sequence[bytes | None]:
        """The data of all that was written, read back from the system; called once a test, after the close."""

    async def operation(self, name: str) -> Operation:
        """An operation that works, with data of its own; overridden where one needs metadata or something to act on."""
        return fakes.operation(name)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[OutputBinding]:
        binding = await self.make()
        try:
            await binding.open()
            yield binding
        finally:
            await binding.close()

    async def assert_written(self, operations: Sequence[Operation]) -> None:
        expected: list[bytes | None] = [operation.event.data for operation in operations]
        written = list(await self.written())
        if not self.keeps_order:
            expected, written = sorted(expected, key=repr), sorted(written, key=repr)
        assert written == expected

    async def test_close_without_open_is_allowed(self) -> None:
        await (await self.make()).close()

    async def test_every_declared_operation_works(self) -> None:
        assert self.component.default_operation in self.component.operations
        async with self.opened() as binding:
            for name in self.component.operations:
                [result] = await binding.invoke([await self.operation(name)])
                assert isinstance(result, Result), f"{name}: {result!r}"

    async def test_instances_can_follow_one_another(self) -> None:
        operations = [await self.operation(self.writes) for _ in range(2)]
        for operation in operations:
            async with self.opened() as binding:
                assert all_results(await binding.invoke([operation]))
        await self.assert_written(operations)

    async def test_batch_gives_a_result_for_each_operation(self) -> None:
        operations = [await self.operation(self.writes) for _ in range(3)]
        async with self.opened() as binding:
            results = await binding.invoke(operations)
        assert len(results) == 3
        assert all_results(results)
        await self.assert_written(operations)

    async def test_unknown_operation_fails_alone(self) -> None:
        good = [await self.operation(self.writes) for _ in range(2)]
        async with self.opened() as binding:
            before, unknown, after = await binding.invoke([good[0], fakes.operation("conjure"), good[1]])
        assert all_results([before, after])
        assert type(unknown) is Permanent
        assert "conjure" in str(unknown)
        await self.assert_written(good)

    async def test_invokes_can_run_side_by_side(self) -> None:
        operations = [await self.operation(self.writes) for _ in range(6)]
        async with self.opened() as binding:
            batches = await asyncio.gather(*(binding.invoke([operation]) for operation in operations))
        assert all(len(results) == 1 and all_results(results) for results in batches)
        expected = sorted(operation.event.data or b"" for operation in operations)
        assert sorted(data or b"" for data in await self.written()) == expected

    async def test_batch_of_nothing_gives_nothing(self) -> None:
        async with self.opened() as binding:
            assert list(await binding.invoke([])) == []


def settled(received: Sequence[Received], outcome: Outcome = Outcome.DONE) -> list[Settled]:
    return [Settled(message, outcome) for message in received]


def all_results(results: Sequence[object]) -> bool:
    return all(isinstance(result, Result) for result in results)
