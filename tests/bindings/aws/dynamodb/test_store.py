from __future__ import annotations

from typing import Any

import pytest

from bindings.aws.dynamodb.state import component
from bindings.contract import Change, StateStore
from engine.clock import VirtualClock
from engine.errors import DefinitionError, NotReady, Permanent
from tests.bindings.aws.dynamodb.tables import items, make_table
from tests.bindings.aws.server import Moto
from tests.bindings.fakes import context
from tests.bindings.states import StateConformance


def make_store(moto: Moto, table: str, clock: VirtualClock | None = None, **more: Any) -> StateStore:
    assert component.state_store is not None
    metadata = component.metadata.model_validate(moto.metadata(table=table, **more))
    return component.state_store(metadata, context("state", clock))


class TestDynamoDbState(StateConformance):
    biggest = 390_000  # an item has at most 400 KB

    @pytest.fixture(autouse=True)
    def _table(self, moto: Moto, unique: str) -> None:
        self.moto, self.table, self.clock = moto, unique, VirtualClock()
        make_table(moto, unique)

    async def make(self) -> StateStore:
        return make_store(self.moto, self.table, self.clock, ttlAttributeName="expiresAt")

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    def now(self) -> float:
        return self.clock.now()


async def test_item_is_as_dapr_writes_it(moto: Moto, unique: str) -> None:
    make_table(moto, unique, key="id")
    store = make_store(moto, unique, VirtualClock(), partitionKey="id", ttlAttributeName="expiresAt")
    await store.open()
    assert await store.write([Change("shop||1", b'{"a":1}', ttl=10), Change("2", b"\xff")]) == [None, None]
    found = {item["id"]["S"]: item for item in items(moto, unique)}
    await store.close()
    assert found["shop||1"].keys() == {"id", "value", "etag", "expiresAt"}
    assert found["shop||1"]["value"] == {"S": '{"a":1}'}
    assert found["shop||1"]["expiresAt"] == {"N": "1700000010"}
    assert found["2"]["value"] == {"B": b"\xff"}
    assert int(found["2"]["etag"]["S"], 16) > 0


async def test_item_of_another_program_is_read(moto: Moto, unique: str) -> None:
    make_table(moto, unique)
    client = moto.client("dynamodb")
    client.put_item(TableName=unique, Item={"key": {"S": "a"}, "value": {"S": '"x"'}})
    client.put_item(TableName=unique, Item={"key": {"S": "b"}, "value": {"N": "5"}, "etag": {"S": "e"}})
    store = make_store(moto, unique)
    await store.open()
    found = await store.get(["a", "b"])
    assert (found["a"].value, found["b"].value, found["b"].etag) == (b'"x"', b"", "e")
    await store.close()


async def test_time_to_live_without_an_attribute_is_refused(moto: Moto, unique: str) -> None:
    make_table(moto, unique)
    store = make_store(moto, unique)
    await store.open()
    refused, written = await store.write([Change("a", b"1", ttl=5), Change("b", b"1")])
    assert isinstance(refused, Permanent)
    assert "ttlAttributeName" in str(refused)
    assert written is None
    with pytest.raises(Permanent, match="ttlAttributeName"):
        await store.transact([Change("c", b"1"), Change("a", b"1", ttl=5)])
    assert (await store.get(["a", "b", "c"])).keys() == {"b"}
    await store.close()


async def test_etag_and_first_write_need_no_attribute_for_ttl(moto: Moto, unique: str) -> None:
    make_table(moto, unique)
    store = make_store(moto, unique)
    await store.open()
    assert await store.write([Change("a", b"1", first_write=True)]) == [None]
    etag = (await store.get(["a"]))["a"].etag
    assert await store.write([Change("a", b"2", etag=etag)]) == [None]
    outcomes = await store.write([Change("a", b"3", etag=etag), Change("a", b"3", first_write=True)])
    assert all(isinstance(outcome, Permanent) for outcome in outcomes)
    await store.close()


async def test_transaction_of_too_many_keys_is_refused(moto: Moto, unique: str) -> None:
    make_table(moto, unique)
    store = make_store(moto, unique)
    await store.open()
    await store.transact([Change(str(number % 100), b"1") for number in range(150)])
    with pytest.raises(Permanent, match="at most 100 keys, not 101"):
        await store.transact([Change(str(number), b"1") for number in range(101)])
    await store.close()


@pytest.mark.parametrize("key", ["", "x" * 2049])
async def test_key_that_dynamodb_cannot_take_fails_alone(moto: Moto, unique: str, key: str) -> None:
    make_table(moto, unique)
    store = make_store(moto, unique)
    await store.open()
    refused, written = await store.write([Change(key, b"1"), Change("a", b"1")])
    assert isinstance(refused, Permanent)
    assert written is None
    await store.close()


async def test_partition_key_of_another_name_is_refused_with_what_to_do(moto: Moto, unique: str) -> None:
    make_table(moto, unique, key="id")
    with pytest.raises(DefinitionError, match="partitionKey"):
        await make_store(moto, unique).open()


async def test_table_that_is_not_there_is_waited_for(moto: Moto, unique: str) -> None:
    store = make_store(moto, unique)
    with pytest.raises(NotReady, match="there is no table"):
        await store.open()
    await store.close()
    make_table(moto, unique)
    await store.open()
    await store.close()
