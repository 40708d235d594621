from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bindings.aws.kinesis import component
from bindings.contract import OutputBinding, Result
from engine.errors import NotReady, Permanent, Unavailable
from tests.bindings.aws.kinesis.test_input import make_stream
from tests.bindings.aws.server import Moto
from tests.bindings.aws.sqs.test_output import invoke
from tests.bindings.conformance import OutputConformance, all_results
from tests.bindings.fakes import context, operation
from tests.proxy import Proxy


def make_output(moto: Moto, stream: str, **more: Any) -> OutputBinding:
    assert component.output is not None
    wanted = {**moto.metadata(streamName=stream), **more}
    return component.output(component.metadata.model_validate(wanted), context())


def records(moto: Moto, stream: str) -> list[Any]:
    client = moto.client("kinesis")
    found: list[Any] = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        start = client.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        found += client.get_records(ShardIterator=start["ShardIterator"])["Records"]
    return found


class TestKinesisOutput(OutputConformance):
    component = component

    @pytest.fixture(autouse=True)
    def _stream(self, moto: Moto, unique: str) -> None:
        self.moto, self.stream = moto, unique
        make_stream(moto, unique)

    async def make(self) -> OutputBinding:
        return make_output(self.moto, self.stream)

    async def written(self) -> Sequence[bytes | None]:
        return [record["Data"] for record in records(self.moto, self.stream)]


async def test_partition_key_is_named_or_of_the_component_or_of_the_event(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    named = operation("create", metadata={"partitionKey": "named"})
    keyed = operation("create", partitionkey="keyed")
    plain = operation("create", id="x" * 300)
    assert all_results(await invoke(make_output(moto, unique), named, keyed, plain))
    assert all_results(await invoke(make_output(moto, unique, partitionKey="all"), named, keyed, plain))
    keys = [record["PartitionKey"] for record in records(moto, unique)]
    assert keys == ["named", "keyed", "x" * 256, "named", "all", "all"]


async def test_result_says_where_the_record_is(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    [result] = await invoke(make_output(moto, unique), operation("create", b""))
    [record] = records(moto, unique)
    assert isinstance(result, Result)
    assert result.metadata == {"shardId": "shardId-000000000000", "sequenceNumber": record["SequenceNumber"]}
    assert record["Data"] == b""


async def test_more_than_a_request_holds_is_put_in_order(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    operations = [operation("create", partitionkey="one") for _ in range(1_100)]
    assert all_results(await invoke(make_output(moto, unique), *operations))
    assert [record["Data"] for record in records(moto, unique)] == [one.event.data for one in operations]


@pytest.mark.parametrize(
    ("data", "key", "why"), [(b"x" * 11_000_000, "k", "stream"), (b"x", "k" * 257, "more than 256 characters")]
)
async def test_what_kinesis_cannot_take_fails_alone(moto: Moto, unique: str, data: bytes, key: str, why: str) -> None:
    make_stream(moto, unique)
    bad = operation("create", data, {"partitionKey": key})
    before, failed, after = await invoke(make_output(moto, unique), operation("create"), bad, operation("create"))
    assert all_results([before, after])
    assert isinstance(failed, Permanent)
    assert why in str(failed)
    assert len(records(moto, unique)) == 2


async def test_output_goes_on_after_the_server_was_away(moto: Moto, unique: str) -> None:
    make_stream(moto, unique)
    proxy = Proxy(moto.port)
    await proxy.start()
    output = make_output(moto, unique, endpoint=f"http://127.0.0.1:{proxy.port}")
    await output.open()
    await proxy.stop()
    [away] = await output.invoke([operation("create")])
    assert isinstance(away, Unavailable)
    proxy = Proxy(moto.port, proxy.port)
    await proxy.start()
    assert all_results(await output.invoke([operation("create")]))
    await output.close()
    await proxy.stop()
    assert len(records(moto, unique)) == 1


async def test_stream_that_is_not_there_is_waited_for(moto: Moto, unique: str) -> None:
    with pytest.raises(NotReady, match="there is no stream"):
        await invoke(make_output(moto, unique), operation("create"))
