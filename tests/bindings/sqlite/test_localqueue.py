from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from pydantic import ValidationError

from bindings.contract import InputBinding, OutputBinding, Received, Result
from bindings.sqlite.database import Database
from bindings.sqlite.localqueue import LocalQueue, LocalQueueMetadata, component
from engine.clock import VirtualClock
from engine.errors import DefinitionError, Permanent, Unavailable
from engine.event import Attribute
from tests.bindings.conformance import InputConformance, OutputConformance
from tests.bindings.fakes import context, operation


def make(path: Path, clock: VirtualClock | None = None) -> LocalQueue:
    return LocalQueue(LocalQueueMetadata(path=str(path / "queues.db")), context("orders", clock))


@asynccontextmanager
async def opened(path: Path, clock: VirtualClock | None = None) -> AsyncIterator[LocalQueue]:
    queue = make(path, clock)
    await queue.open()
    yield queue
    await queue.close()


async def read(path: Path) -> Sequence[Received]:
    async with opened(path) as queue:
        return await queue.read(100)


class TestLocalQueueInput(InputConformance):
    attributes: ClassVar[Mapping[str, Attribute]] = {"type": "order", "source": "/shop", "subject": "42", "size": 7}

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> None:
        self.path = tmp_path

    async def make(self) -> InputBinding:
        return make(self.path)

    async def produce(self, count: int) -> Sequence[bytes | None]:
        operations = [operation("create", type="order", source="/shop", subject="42", size=7) for _ in range(count)]
        async with opened(self.path) as output:
            await output.invoke(operations)
        return [one.event.data for one in operations]


class TestLocalQueueOutput(OutputConformance):
    component = component

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> None:
        self.path = tmp_path

    async def make(self) -> OutputBinding:
        return make(self.path)

    async def written(self) -> Sequence[bytes | None]:
        return [message.data for message in await read(self.path)]


async def test_event_comes_back_with_its_id_and_attributes(tmp_path: Path) -> None:
    async with opened(tmp_path, VirtualClock(1_700_000_000.25)) as output:
        [result] = await output.invoke([operation("create", b"x", id="1", type="order", source="/shop")])
        assert result == Result(landed="queue orders")
    [message] = await read(tmp_path)
    assert (message.id, message.data, message.attempt) == ("1", b"x", 1)
    assert message.attributes == {"type": "order", "source": "/shop"}
    assert message.metadata == {
        "queueName": "orders",
        "messageId": "1",
        "enqueuedTime": "2023-11-14T22:13:20.250Z",
        "deliveryCount": "1",
    }
    assert set(message.metadata) == set(component.input_metadata)


async def test_event_that_comes_again_is_kept_once_and_one_of_another_source_beside_it(tmp_path: Path) -> None:
    event = operation("create", b"a", id="1", source="/a")
    async with opened(tmp_path) as output:
        await output.invoke([event])
        await output.invoke([event, operation("create", b"b", id="1", source="/b")])
    assert [(message.id, message.data) for message in await read(tmp_path)] == [("1", b"a"), ("1", b"b")]


async def test_delay_keeps_an_event_back(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with opened(tmp_path, clock) as queue:
        await queue.invoke([operation("create", b"later", {"delay": "1m"}), operation("create", b"now")])
        assert [message.data for message in await queue.read(10)] == [b"now"]
        await clock.advance(60)
        assert [message.data for message in await queue.read(10)] == [b"later"]


async def test_delay_that_is_none_fails_its_event_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as queue:
        bad, good = await queue.invoke([operation("create", metadata={"delay": "soon"}), operation("create")])
    assert isinstance(bad, Permanent)
    assert "'soon' is not a duration" in str(bad)
    assert isinstance(good, Result)


async def test_full_disk_is_an_error_of_each_event(tmp_path: Path) -> None:
    async with opened(tmp_path) as queue:
        database = await Database.acquire(tmp_path / "queues.db")
        await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
        results = await queue.invoke([operation("create", b"x" * 100_000) for _ in range(2)])
        await database.release()
    assert [type(result) for result in results] == [Unavailable, Unavailable]


async def test_file_that_is_no_database_is_refused_at_open(tmp_path: Path) -> None:
    (tmp_path / "queues.db").write_text("not a database" * 1000)
    queue = make(tmp_path)
    with pytest.raises(DefinitionError, match="damaged"):
        await queue.open()
    await queue.close()


@pytest.mark.parametrize("metadata", [{"queueName": "a/b"}, {"visibilityTimeout": "0s"}, {"path": ""}])
def test_metadata_that_makes_no_sense_is_refused(metadata: Mapping[str, str]) -> None:
    with pytest.raises(ValidationError):
        LocalQueueMetadata.model_validate(metadata)


def test_example_is_valid() -> None:
    document = yaml.safe_load(component.example)
    assert document["spec"]["type"] == component.name
    pairs = {pair["name"]: pair["value"] for pair in document["spec"]["metadata"]}
    assert component.metadata.model_validate(pairs) == LocalQueueMetadata()


async def peek(path: Path, limit: int = 10) -> Sequence[Received]:
    assert component.peek
    return await component.peek(LocalQueueMetadata(path=str(path / "queues.db")), context("orders"), limit)


async def test_peek_shows_what_waits_and_takes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as queue:
        await queue.invoke([operation("create", b"%d" % number) for number in range(3)])
        [taken] = await queue.read(1)
        seen = await peek(tmp_path, 1)
        assert [message.data for message in await peek(tmp_path)] == [b"1", b"2"]
        [following] = await queue.read(1)

    assert taken.data == b"0"
    [first] = seen
    assert (first.id, first.data, first.attributes) == (following.id, following.data, following.attributes)
    assert first.metadata == following.metadata


async def test_peek_makes_no_file(tmp_path: Path) -> None:
    assert await peek(tmp_path) == []
    assert not (tmp_path / "queues.db").exists()


async def test_peek_at_what_is_no_queue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "queues.db").write_bytes(b"not a database, and long enough to be seen as none" * 100)

    with pytest.raises(DefinitionError):
        await peek(tmp_path)
