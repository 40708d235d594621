from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer

from bindings.aws.dynamodb import component
from bindings.contract import Operation, OutputBinding
from engine.errors import NotReady, Permanent
from tests.bindings.aws.dynamodb.tables import items, make_table
from tests.bindings.aws.server import Moto
from tests.bindings.aws.sqs.test_output import invoke
from tests.bindings.conformance import OutputConformance, all_results
from tests.bindings.fakes import context, operation


def make_output(moto: Moto, table: str, **more: Any) -> OutputBinding:
    assert component.output is not None
    return component.output(component.metadata.model_validate(moto.metadata(table=table, **more)), context())


def put(key: str, **more: Any) -> Operation:
    return operation("create", json.dumps({"key": key, **more}).encode())


class TestDynamoDbOutput(OutputConformance):
    component = component
    keeps_order = False

    @pytest.fixture(autouse=True)
    def _table(self, moto: Moto, unique: str) -> None:
        self.moto, self.table, self.count = moto, unique, 0
        make_table(moto, unique)

    async def make(self) -> OutputBinding:
        return make_output(self.moto, self.table)

    async def operation(self, name: str) -> Operation:
        self.count += 1
        return operation(name, b'{"key":"%d"}' % self.count)

    async def written(self) -> Sequence[bytes | None]:
        return [b'{"key":"%s"}' % item["key"]["S"].encode() for item in items(self.moto, self.table)]


async def test_values_of_json_are_those_of_dynamodb(moto: Moto, unique: str) -> None:
    make_table(moto, unique)
    values = {
        "key": "grün ✓",
        "whole": 12345678901234567890,
        "fraction": 1.25,
        "truth": True,
        "nothing": None,
        "empty": "",
        "list": [1, "a", [], {}],
        "object": {"a": {"b": None}},
    }
    assert all_results(await invoke(make_output(moto, unique), operation("create", json.dumps(values).encode())))
    [item] = items(moto, unique)
    read = TypeDeserializer().deserialize
    assert {name: read(value) for name, value in item.items()} == values


async def test_last_item_of_a_key_counts(moto: Moto, unique: str) -> None:
    make_table(moto, unique)
    operations = [put(f"{number % 7}", number=number) for number in range(60)]
    assert all_results(await invoke(make_output(moto, unique), *operations))
    found = {item["key"]["S"]: int(item["number"]["N"]) for item in items(moto, unique)}
    assert found == {f"{number % 7}": number for number in range(53, 60)}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[1]", "the data is no JSON object"),
        (b"{", "the data cannot be an item"),
        (b"", "the data cannot be an item"),
        (b'{"key": NaN}', "NaN is no number of JSON"),
        (b'{"key": "a", "n": 1.2345678901234567890123456789012345678901}', "the data cannot be an item"),
        (b'{"other": "a"}', "ValidationException"),
        (b'{"key": 5}', "ValidationException"),
        (b'{"key": "a", "text": "%s"}' % (b"x" * 410_000), "size"),
    ],
)
async def test_what_is_no_item_fails_alone(moto: Moto, unique: str, data: bytes, why: str) -> None:
    make_table(moto, unique)
    before, bad, after = await invoke(make_output(moto, unique), put("1"), operation("create", data), put("2"))
    assert all_results([before, after])
    assert isinstance(bad, Permanent)
    assert why in str(bad)
    assert len(items(moto, unique)) == 2


async def test_table_that_is_not_there_is_waited_for(moto: Moto, unique: str) -> None:
    output = make_output(moto, unique)
    with pytest.raises(NotReady, match="there is no table"):
        await output.open()
    await output.close()
    make_table(moto, unique)
    assert all_results(await invoke(output, put("1")))


async def test_server_that_is_not_there_is_not_ready(moto: Moto) -> None:
    with pytest.raises(NotReady, match="table orders"):
        await make_output(moto, "orders", endpoint="http://127.0.0.1:1").open()
