from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from bindings.aws.s3 import component
from bindings.aws.s3 import input as s3_input
from bindings.aws.s3.input import S3Place
from bindings.aws.s3.metadata import S3Metadata
from bindings.contract import InputBinding, Outcome, Received
from engine.errors import DefinitionError, NotReady
from tests.bindings.aws.s3.bucket import Bucket
from tests.bindings.aws.server import Moto
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context
from tests.proxy import Proxy


class TestS3Input(InputConformance):
    counts_attempts = False

    @pytest.fixture(autouse=True)
    def _bucket(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.count = 0

    async def make(self) -> InputBinding:
        return self.bucket.input()

    async def produce(self, count: int) -> Sequence[bytes | None]:
        produced: list[bytes | None] = []
        for _ in range(count):
            self.count += 1
            produced.append(b"%d" % self.count)
            self.bucket.put(f"{self.count:03}.txt", b"%d" % self.count)
        return produced


async def read(binding: InputBinding, count: int) -> list[Received]:
    received: list[Received] = []
    async with asyncio.timeout(10):
        while len(received) < count:
            received += await binding.read(10)
    return received


async def read_until_not_ready(binding: InputBinding) -> None:
    async with asyncio.timeout(20):
        while True:
            await binding.settle(settled(await binding.read(10)))


def etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


async def test_object_becomes_an_event(bucket: Bucket) -> None:
    bucket.put("in/may 1ü.json", b"{}", ContentType="application/json", Metadata={"tenant": "acme", "key": "other"})
    async with bucket.reading() as binding:
        [received] = await read(binding, 1)
    assert received.id == f"in/may 1ü.json@{etag(b'{}')}"
    assert received.data == b"{}"
    modified = received.attributes["time"]
    assert received.attributes == {
        "subject": "in/may 1ü.json",
        "time": modified,
        "datacontenttype": "application/json",
    }
    assert received.metadata == {
        "tenant": "acme",
        "key": "in/may 1ü.json",
        "fileName": "may 1ü.json",
        "bucket": bucket.name,
        "size": "2",
        "etag": etag(b"{}"),
        "contentType": "application/json",
        "lastModified": modified,
    }


async def test_version_and_encoding_are_told(bucket: Bucket) -> None:
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    bucket.put("a.json", b"\x1f\x8b", ContentType="application/json", ContentEncoding="gzip")
    async with bucket.reading() as binding:
        [received] = await read(binding, 1)
    assert received.metadata["contentEncoding"] == "gzip"
    assert received.metadata["versionId"]
    assert received.attributes["datacontenttype"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("key", "content_type"),
    [("a.csv", "text/csv"), ("a", "application/octet-stream"), ("a.json.gz", "application/octet-stream")],
)
async def test_content_type_that_nobody_said_is_that_of_the_ending(bucket: Bucket, key: str, content_type: str) -> None:
    bucket.put(key)
    async with bucket.reading() as binding:
        [received] = await read(binding, 1)
    assert received.attributes["datacontenttype"] == content_type


async def test_large_object_is_only_referred_to(bucket: Bucket) -> None:
    bucket.put("a b.bin", b"12345", ContentType="image/png", Metadata={"tenant": "acme"})
    bucket.put("b.bin", b"1234")
    bucket.put("c.bin", b"")
    async with bucket.reading(maxInlineSize=4) as binding:
        large, small, empty = await read(binding, 3)
    assert large.data is None
    assert large.attributes["dataref"] == f"s3://{bucket.name}/a%20b.bin"
    assert large.attributes["datacontenttype"] == "image/png"
    assert (large.metadata["size"], large.metadata["tenant"]) == ("5", "acme")
    assert (small.data, empty.data) == (b"1234", b"")
    assert "dataref" not in small.attributes


async def test_reference_can_be_a_url_that_needs_no_credentials(bucket: Bucket) -> None:
    bucket.put("a b.bin", b"12345")
    async with bucket.reading(maxInlineSize=4, presignTTL="5m") as binding:
        [large] = await read(binding, 1)
    url = str(large.attributes["dataref"])
    assert "X-Amz-Expires=300" in url
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert await answer.read() == b"12345"


async def test_only_objects_of_prefix_and_pattern_are_taken(bucket: Bucket) -> None:
    for key in ("in/", "in/a.jpg", "in/b.txt", "in/deep/c.jpg", "out/d.jpg"):
        bucket.put(key)
    async with bucket.reading(prefix="in/", pattern="*.jpg") as binding:
        received = await read(binding, 2)
    assert [one.metadata["key"] for one in received] == ["in/a.jpg", "in/deep/c.jpg"]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({}, ["a.jpg", "in/b.txt", "done/c.jpg"]),
        ({"pattern": "*.jpg"}, ["a.jpg", "done/c.jpg"]),
        ({"pattern": "in/**"}, ["in/b.txt"]),
        ({"onDone": "move", "moveTo": "done/"}, ["a.jpg", "in/b.txt"]),
    ],
)
def test_keys_that_are_taken(given: dict[str, str], taken: list[str]) -> None:
    place = S3Place(S3Metadata.model_validate({"bucket": "uploads", **given}))
    keys = ["a.jpg", "in/b.txt", "done/c.jpg", "folder/"]
    assert [key for key in keys if place.takes(key)] == taken


async def test_changed_object_is_an_event_of_its_own_and_waits_for_the_one_before(bucket: Bucket) -> None:
    bucket.put("a", b"one")
    async with bucket.reading() as binding:
        [first] = await read(binding, 1)
        bucket.put("a", b"two")
        bucket.put("b", b"three")
        assert [one.data for one in await read(binding, 1)] == [b"three"]
        await binding.settle(settled([first]))
        [second] = await read(binding, 1)
    assert second.data == b"two"
    assert second.id != first.id


async def test_object_that_goes_or_changes_before_it_is_read_comes_as_it_is_then(bucket: Bucket) -> None:
    for key in ("1", "2", "3"):
        bucket.put(key)
    async with bucket.reading() as binding:
        await binding.read(1)
        bucket.delete("2")
        bucket.put("3", b"changed")
        [received] = await read(binding, 1)
    assert (received.metadata["key"], received.data) == ("3", b"changed")


async def test_finished_object_is_marked_until_it_is_gone(bucket: Bucket) -> None:
    bucket.put("a")
    bucket.put("b")
    async with bucket.reading() as binding:
        await binding.settle(settled(await read(binding, 2)))
        assert await bucket.store.marks("s3/uploads") == {"a": etag(b"data"), "b": etag(b"data")}
        bucket.delete("a")
        bucket.put("c")
        await read(binding, 1)
    assert await bucket.store.marks("s3/uploads") == {"b": etag(b"data")}


@pytest.mark.parametrize(
    ("on_done", "outcome", "keys"),
    [
        ("keep", Outcome.DONE, ["in/a"]),
        ("delete", Outcome.DONE, []),
        ("delete", Outcome.FILTERED, ["in/a"]),
        ("delete", Outcome.DEAD_LETTERED, ["in/a"]),
        ("delete", Outcome.RELEASED, ["in/a"]),
        ("move", Outcome.DONE, ["in/done/a"]),
        ("move", Outcome.FILTERED, ["in/a"]),
    ],
)
async def test_object_is_deleted_or_moved_only_when_done(
    bucket: Bucket, on_done: str, outcome: Outcome, keys: list[str]
) -> None:
    bucket.put("in/a", ContentType="text/plain")
    move = {"moveTo": "in/done/"} if on_done == "move" else {}
    async with bucket.reading(prefix="in/", onDone=on_done, **move) as binding:
        await binding.settle(settled(await read(binding, 1), outcome))
        assert bucket.keys == keys
        assert (
            bucket.client.head_object(Bucket=bucket.name, Key=keys[0])["ContentType"] == "text/plain" if keys else True
        )
        if outcome is not Outcome.RELEASED:
            bucket.put("in/b", b"next")
            assert [one.data for one in await read(binding, 1)] == [b"next"]


@pytest.mark.parametrize("on_done", ["delete", "move"])
async def test_object_that_changed_since_it_was_read_stays_and_is_new(bucket: Bucket, on_done: str) -> None:
    bucket.put("a", b"one")
    move = {"moveTo": "done/"} if on_done == "move" else {}
    async with bucket.reading(onDone=on_done, **move) as binding:
        first = await read(binding, 1)
        bucket.put("a", b"two")
        await binding.settle(settled(first))
        assert [one.data for one in await read(binding, 1)] == [b"two"]
    assert bucket.get("a") == b"two"  # moto copies without asking for the version, so that there may be a copy too


async def test_object_too_large_for_one_copy_is_moved_in_parts(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_input, "_LARGEST_COPY", 4)
    data = b"x" * (9 * 2**20)
    bucket.put("a", data)
    async with bucket.reading(onDone="move", moveTo="done/") as binding:
        await binding.settle(settled(await read(binding, 1)))
    assert bucket.keys == ["done/a"]
    assert bucket.get("done/a") == data


async def test_object_that_cannot_be_read_is_left_out_and_said_once(
    bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.put("cold", StorageClass="GLACIER")
    async with bucket.reading() as binding:
        bucket.put("warm")
        assert [one.metadata["key"] for one in await read(binding, 1)] == ["warm"]
        bucket.put("warmer")
        assert [one.metadata["key"] for one in await read(binding, 1)] == ["warmer"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"s3://{bucket.name}/cold is left out until it changes" in caplog.text
    assert "InvalidObjectState" in caplog.text


async def test_keys_that_grow_are_listed_from_the_last_one_on(bucket: Bucket) -> None:
    """With a look back of nothing, a key before the last one is never seen: so it is known that it is not listed."""
    for key in ("2026/11/01", "2026/11/02", "2026/11/03"):
        bucket.put(key)
    async with bucket.reading(lookBack="1ms") as binding:
        await binding.settle(settled(await read(binding, 3)))
        bucket.put("2026/11/04")
        await binding.settle(settled(await read(binding, 1)))
        bucket.put("2026/10/31")
        bucket.put("2026/11/05")
        [received] = await read(binding, 1)
    assert received.metadata["key"] == "2026/11/05"
    assert await bucket.store.marks("s3/uploads/begin") == {"key": "2026/11/04"}
    assert await bucket.store.marks("s3/uploads") == {}
    async with bucket.reading(lookBack="1ms") as binding:
        [again] = await read(binding, 1)
    assert again.id == received.id


async def test_bucket_of_several_pages_comes_whole_and_in_order(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_input, "_PAGE", 10)
    keys = [f"{number:04}" for number in range(45)]
    for key in keys:
        bucket.put(key)
    received: list[Received] = []
    async with bucket.reading() as binding, asyncio.timeout(30):
        while len(received) < len(keys):
            batch = await binding.read(7)
            await binding.settle(settled(batch))
            received += batch
        assert [one.metadata["key"] for one in received] == keys
        bucket.put("0012a")
        assert [one.metadata["key"] for one in await read(binding, 1)] == ["0012a"]


async def test_bucket_that_is_not_there_is_an_error_of_the_definition(moto: Moto) -> None:
    assert component.input is not None
    metadata = component.metadata.model_validate(moto.metadata(bucket="nowhere"))
    binding = component.input(metadata, context())
    with pytest.raises(DefinitionError, match="bucket nowhere: NoSuchBucket"):
        await binding.open()
    await binding.close()


async def test_bucket_that_goes_away_is_said_by_the_next_open(bucket: Bucket) -> None:
    async with bucket.reading() as binding:
        bucket.client.delete_bucket(Bucket=bucket.name)
        with pytest.raises(NotReady, match="NoSuchBucket"):
            await read_until_not_ready(binding)
        await binding.close()
        with pytest.raises(DefinitionError, match="NoSuchBucket"):
            await binding.open()


async def test_server_that_is_away_is_not_ready(bucket: Bucket) -> None:
    binding = bucket.input(endpoint="http://127.0.0.1:9")
    with pytest.raises(NotReady, match="Could not connect"):
        await binding.open()
    await binding.close()


async def test_restart_of_the_server_loses_nothing(tmp_path: Path) -> None:
    """moto keeps all in memory, so the objects are written again, as they were."""
    moto = Moto(tmp_path)
    moto.start()
    bucket = Bucket(moto, "uploads")
    try:
        for key in ("a", "b", "c"):
            bucket.put(key, key.encode())
        async with bucket.reading(pollInterval="10ms") as binding:
            first = await binding.read(1)
            await binding.settle(settled(first))
            moto.stop()
            with pytest.raises(NotReady):
                await read_until_not_ready(binding)
            moto.start()
            bucket.client.create_bucket(Bucket="uploads")
            for key in ("a", "b", "c"):
                bucket.put(key, key.encode())
            await binding.close()
            await binding.open()
            assert [one.data for one in await read(binding, 2)] == [b"b", b"c"]
    finally:
        moto.stop()


async def test_cut_connection_is_made_again_and_loses_nothing(bucket: Bucket) -> None:
    proxy = Proxy(bucket.moto.port)
    await proxy.start()
    keys = [f"{number:03}" for number in range(60)]
    for key in keys:
        bucket.put(key, key.encode())
    async with bucket.reading(endpoint=f"http://127.0.0.1:{proxy.port}", onDone="delete") as binding:
        seen: set[bytes | None] = set()
        async with asyncio.timeout(30):
            while len(seen) < len(keys):
                try:
                    batch = await binding.read(7)
                    proxy.cut()
                    await binding.settle(settled(batch))
                    seen |= {one.data for one in batch}
                except NotReady:
                    await binding.close()
                    await binding.open()
    await proxy.stop()
    assert bucket.keys == []


async def test_peek_takes_nothing(bucket: Bucket) -> None:
    assert component.peek is not None
    for key in ("a", "b", "c"):
        bucket.put(key)
    async with bucket.reading() as binding:
        await binding.settle(settled(await binding.read(1)))
    found = await component.peek(bucket.metadata(), context("uploads", store=bucket.store), 1)
    assert [one.metadata["key"] for one in found] == ["b"]
    assert await bucket.store.marks("s3/uploads") == {"a": etag(b"data")}
