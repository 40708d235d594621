from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bindings.aws.kinesis import component
from bindings.contract import InputBinding, Outcome, Received
from bindings.store import Store
from engine.clock import SystemClock
from engine.errors import NotReady
from engine.testing.memory_store import MemoryStore
from tests.bindings.aws.server import Moto
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context
from tests.proxy import Proxy


def make_input(moto: Moto, stream: str, store: Store, **more: Any) -> InputBinding:
    assert component.input is not None
    wanted = {**moto.metadata(streamName=stream, pollInterval="50ms", initialPosition="oldest"), **more}
    return component.input(component.metadata.model_validate(wanted), context("orders", SystemClock(), store))


def make_stream(moto: Moto, name: str, shards: int = 1) -> None:
    moto.client("kinesis").create_stream(StreamName=name, ShardCount=shards)


def put(moto: Moto, stream: str, *data: bytes, key: str = "k") -> None:
    for one in data:
        moto.client("kinesis").put_record(StreamName=stream, Data=one, PartitionKey=key)


@asynccontextmanager
async def reading(moto: Moto, stream: str, store: Store, **more: Any) -> AsyncIterator[InputBinding]:
    binding = make_input(moto, stream, store, **more)
    await binding.open()
    yield binding
    await binding.close()


async def read(binding: InputBinding, count: int) -> list[Received]:
    found: list[Received] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += await binding.read(100)
    return found


def data(messages: Sequence[Received]) -> list[bytes]:
    return [message.data or b"" for message in messages]


class TestKinesisInput(InputConformance):
    @pytest.fixture(autouse=True)
    def _stream(self, moto: Moto, unique: str) -> None:
        self.moto, self.stream, self.store, self.count = moto, unique, MemoryStore(), 0
        make_stream(moto, unique)

    async def make(self) -> InputBinding:
        return make_input(self.moto, self.stream, self.store)

    async def produce(self, count: int) -> Sequence[bytes | None]:
        produced = [b"%d" % number for number in range(self.count, self.count + count)]
        self.count += count
        put(self.moto, self.stream, *produced)
        return produced


async def test_record_says_where_it_is(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    put(moto, unique, b"\xff\x00", key="grün")
    async with reading(moto, unique, MemoryStore()) as binding:
        [message] = await read(binding, 1)
    number = message.metadata["sequenceNumber"]
    assert message.id == f"shardId-000000000000:{number}"
    assert message.data == b"\xff\x00"
    assert message.metadata == {
        "streamName": unique,
        "shardId": "shardId-000000000000",
        "sequenceNumber": number,
        "partitionKey": "grün",
    }


async def test_reading_begins_with_what_comes_or_with_the_oldest(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    put(moto, unique, b"old")
    store = MemoryStore()
    async with (
        reading(moto, unique, store, initialPosition="latest", consumerName="new") as new,
        reading(moto, unique, store, consumerName="all") as all_,
    ):
        put(moto, unique, b"1")
        assert data(await read(new, 1)) == [b"1"]
        assert data(await read(all_, 2)) == [b"old", b"1"]


async def test_start_at_the_latest_is_kept_until_something_is_settled(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    store = MemoryStore()
    async with reading(moto, unique, store, initialPosition="latest"):
        pass
    put(moto, unique, b"1")
    async with reading(moto, unique, store, initialPosition="latest") as binding:
        assert data(await read(binding, 1)) == [b"1"]


async def test_mark_goes_on_only_where_there_is_no_gap(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    put(moto, unique, *(b"%d" % number for number in range(5)))
    store = MemoryStore()
    async with reading(moto, unique, store) as binding:
        found = await read(binding, 5)
        await binding.settle(settled([found[index] for index in (0, 1, 3)]))
        await binding.settle(settled([found[2]], Outcome.RELEASED))
        assert await store.marks(f"kinesis/{unique}/orders") == {
            "shardId-000000000000": found[1].metadata["sequenceNumber"]
        }
    async with reading(moto, unique, store) as binding:
        assert data(await read(binding, 3)) == [b"2", b"3", b"4"]


async def test_released_records_keep_their_order(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    put(moto, unique, *(b"%d" % number for number in range(4)))
    async with reading(moto, unique, MemoryStore()) as binding:
        async with asyncio.timeout(10):
            found = list(await binding.read(3))
        await binding.settle(settled(found, Outcome.RELEASED))
        again = await read(binding, 4)
        assert data(again) == [b"0", b"1", b"2", b"3"]
        assert [message.attempt for message in again] == [2, 2, 2, 1]


async def test_all_shards_are_read(moto: Moto, unique: str) -> None:
    make_stream(moto, unique, shards=4)
    sent = [b"%d" % number for number in range(40)]
    for one in sent:
        put(moto, unique, one, key=one.decode())
    async with reading(moto, unique, MemoryStore()) as binding:
        found = await read(binding, 40)
    assert sorted(data(found)) == sorted(sent)
    assert len({message.metadata["shardId"] for message in found}) > 1


async def test_children_of_a_shard_are_read_after_it(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    put(moto, unique, b"1", b"2")
    store = MemoryStore()
    async with reading(moto, unique, store) as binding:
        first = await read(binding, 2)
        moto.client("kinesis").split_shard(
            StreamName=unique, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
        )
        put(moto, unique, b"3", b"4")
        waiting = asyncio.create_task(binding.read(10))
        await asyncio.wait({waiting}, timeout=0.3)
        assert not waiting.done()  # the records of the parent are not settled
        await binding.settle(settled(first))
        found = list(await waiting)
        found += [] if len(found) == 2 else await read(binding, 1)
        assert data(found) == [b"3", b"4"]
        assert (await store.marks(f"kinesis/{unique}/orders"))["shardId-000000000000"] == "end"
        await binding.settle(settled(found))
    put(moto, unique, b"5")
    async with reading(moto, unique, store) as binding:
        assert data(await read(binding, 1)) == [b"5"]


async def test_settlement_of_before_the_reopening_is_ignored(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    put(moto, unique, b"1")
    async with reading(moto, unique, MemoryStore()) as binding:
        first = await read(binding, 1)
        await binding.close()
        await binding.open()
        await binding.settle(settled(first))
        assert data(await read(binding, 1)) == [b"1"]


async def test_server_that_goes_away_is_not_ready_and_read_again(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    proxy = Proxy(moto.port)
    await proxy.start()
    async with reading(moto, unique, MemoryStore(), endpoint=f"http://127.0.0.1:{proxy.port}") as binding:
        waiting = asyncio.create_task(binding.read(10))
        await asyncio.wait({waiting}, timeout=0.1)
        await proxy.stop()
        with pytest.raises(NotReady, match=f"stream {unique}"):
            await waiting
        await binding.close()
        put(moto, unique, b"1")
        proxy = Proxy(moto.port, proxy.port)
        await proxy.start()
        await binding.open()
        assert data(await read(binding, 1)) == [b"1"]
    await proxy.stop()


async def test_stream_that_is_not_there_is_waited_for(moto: Moto, unique: str) -> None:
    binding = make_input(moto, unique, MemoryStore())
    with pytest.raises(NotReady, match="there is no stream"):
        await binding.open()
    await binding.close()
    make_stream(moto, unique)
    await binding.open()
    await binding.close()


async def test_what_is_released_once_more_after_an_error_is_there_once(
    moto: Moto, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stream(moto, unique)
    put(moto, unique, b"1", b"2", b"3")
    store = MemoryStore()
    async with reading(moto, unique, store) as binding:
        first, second, _ = messages = await read(binding, 3)
        outcomes = [*settled([first]), *settled([second], Outcome.RELEASED)]
        with monkeypatch.context() as patch:

            async def fails(*_: object) -> None:
                raise OSError("the store is away")

            patch.setattr(store, "set_marks", fails)
            with pytest.raises(OSError, match="away"):
                await binding.settle(outcomes)
        await binding.settle(outcomes)
        put(moto, unique, b"4")
        found = [message.data for message in await read(binding, 2)]
        assert found == [b"2", b"4"], messages
