from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from bindings.azure.blobstorage import component
from bindings.azure.blobstorage import input as blob_input
from bindings.azure.blobstorage.input import BlobPlace
from bindings.contract import InputBinding, Outcome, Received
from engine.errors import DefinitionError, NotReady
from tests.bindings.azure.blobstorage.container import Container
from tests.bindings.azure.server import Azurite
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context
from tests.proxy import Proxy


class TestBlobStorageInput(InputConformance):
    counts_attempts = False

    @pytest.fixture(autouse=True)
    def _container(self, container: Container) -> None:
        self.container = container
        self.count = 0

    async def make(self) -> InputBinding:
        return self.container.input()

    async def produce(self, count: int) -> Sequence[bytes | None]:
        produced: list[bytes | None] = []
        for _ in range(count):
            self.count += 1
            produced.append(b"%d" % self.count)
            self.container.put(f"{self.count:03}.txt", b"%d" % self.count)
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


async def test_blob_becomes_an_event(container: Container) -> None:
    container.put("in/may 1ü.json", b"{}", {"tenant": "acme", "key": "other"}, content_type="application/json")
    async with container.reading() as binding:
        [received] = await read(binding, 1)
    etag = container.etag("in/may 1ü.json")
    assert received.id == f"in/may 1ü.json@{etag}"
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
        "container": container.name,
        "size": "2",
        "etag": etag,
        "contentType": "application/json",
        "lastModified": modified,
    }


@pytest.mark.parametrize(("name", "content_type"), [("a.csv", "text/csv"), ("a", "application/octet-stream")])
async def test_content_type_that_nobody_said_is_that_of_the_ending(
    container: Container, name: str, content_type: str
) -> None:
    container.put(name)
    async with container.reading() as binding:
        [received] = await read(binding, 1)
    assert received.attributes["datacontenttype"] == content_type


async def test_compressed_content_stays_as_it_is(container: Container) -> None:
    container.put("a.json", b"\x1f\x8b", content_type="application/json", content_encoding="gzip")
    async with container.reading(maxInlineSize=1) as binding:
        [received] = await read(binding, 1)
    assert received.metadata["contentEncoding"] == "gzip"
    assert received.attributes["datacontenttype"] == "application/octet-stream"


async def test_large_blob_is_only_referred_to(container: Container) -> None:
    container.put("a b.bin", b"12345", {"tenant": "acme"}, content_type="image/png")
    container.put("b.bin", b"1234")
    container.put("c.bin", b"")
    async with container.reading(maxInlineSize=4) as binding:
        large, small, empty = await read(binding, 3)
    assert large.data is None
    assert large.attributes["dataref"] == f"{container.azurite.blob_url}/jackfield/{container.name}/a%20b.bin"
    assert large.attributes["datacontenttype"] == "image/png"
    assert (large.metadata["size"], large.metadata["tenant"]) == ("5", "acme")
    assert (small.data, empty.data) == (b"1234", b"")
    assert "dataref" not in small.attributes


async def test_reference_can_be_a_url_that_needs_no_credentials(container: Container) -> None:
    container.put("a b.bin", b"12345")
    async with container.reading(maxInlineSize=4, signTTL="5m") as binding:
        [large] = await read(binding, 1)
    async with aiohttp.ClientSession() as session, session.get(str(large.attributes["dataref"])) as answer:
        assert await answer.read() == b"12345"


async def test_only_blobs_of_prefix_and_pattern_are_taken(container: Container) -> None:
    for name in ("in/a.jpg", "in/b.txt", "in/deep/c.jpg", "out/d.jpg"):
        container.put(name)
    async with container.reading(prefix="in/", pattern="*.jpg") as binding:
        received = await read(binding, 2)
    assert [one.metadata["key"] for one in received] == ["in/a.jpg", "in/deep/c.jpg"]


def test_what_is_moved_is_not_taken_again(container: Container) -> None:
    place = BlobPlace(container.metadata(onDone="move", moveTo="done/"))
    assert [name for name in ("a", "in/a", "done/a", "folder/") if place.takes(name)] == ["a", "in/a"]


async def test_changed_blob_is_an_event_of_its_own_and_waits_for_the_one_before(container: Container) -> None:
    container.put("a", b"one")
    async with container.reading() as binding:
        [first] = await read(binding, 1)
        container.put("a", b"two")
        container.put("b", b"three")
        assert [one.data for one in await read(binding, 1)] == [b"three"]
        await binding.settle(settled([first]))
        [second] = await read(binding, 1)
    assert second.data == b"two"
    assert second.id != first.id


async def test_blob_that_goes_or_changes_before_it_is_read_comes_as_it_is_then(container: Container) -> None:
    for name in ("1", "2", "3"):
        container.put(name)
    async with container.reading() as binding:
        await binding.read(1)
        container.delete("2")
        container.put("3", b"changed")
        [received] = await read(binding, 1)
    assert (received.metadata["key"], received.data) == ("3", b"changed")


async def test_finished_blob_is_marked_until_it_is_gone(container: Container) -> None:
    container.put("a")
    container.put("b")
    async with container.reading() as binding:
        await binding.settle(settled(await read(binding, 2)))
        marks = {name: container.etag(name) for name in ("a", "b")}
        assert await container.store.marks("blobstorage/uploads") == marks
        container.delete("a")
        container.put("c")
        await read(binding, 1)
    assert await container.store.marks("blobstorage/uploads") == {"b": marks["b"]}


@pytest.mark.parametrize(
    ("on_done", "outcome", "names"),
    [
        ("keep", Outcome.DONE, ["in/a ü"]),
        ("delete", Outcome.DONE, []),
        ("delete", Outcome.FILTERED, ["in/a ü"]),
        ("delete", Outcome.DEAD_LETTERED, ["in/a ü"]),
        ("delete", Outcome.RELEASED, ["in/a ü"]),
        ("move", Outcome.DONE, ["in/done/a ü"]),
        ("move", Outcome.FILTERED, ["in/a ü"]),
    ],
)
async def test_blob_is_deleted_or_moved_only_when_done(
    container: Container, on_done: str, outcome: Outcome, names: list[str]
) -> None:
    container.put("in/a ü", content_type="text/plain")
    move = {"moveTo": "in/done/"} if on_done == "move" else {}
    async with container.reading(prefix="in/", onDone=on_done, **move) as binding:
        await binding.settle(settled(await read(binding, 1), outcome))
        assert container.names == names
        if outcome is not Outcome.RELEASED:
            container.put("in/b", b"next")
            assert [one.data for one in await read(binding, 1)] == [b"next"]


@pytest.mark.parametrize("on_done", ["delete", "move"])
async def test_blob_that_changed_since_it_was_read_stays_and_is_new(container: Container, on_done: str) -> None:
    container.put("a", b"one")
    move = {"moveTo": "done/"} if on_done == "move" else {}
    async with container.reading(onDone=on_done, **move) as binding:
        first = await read(binding, 1)
        container.put("a", b"two")
        await binding.settle(settled(first))
        assert [one.data for one in await read(binding, 1)] == [b"two"]
    assert container.names == ["a"]


async def test_blob_with_snapshots_stays_and_that_is_said(
    container: Container, caplog: pytest.LogCaptureFixture
) -> None:
    container.put("a")
    container.client.get_blob_client("a").create_snapshot()
    async with container.reading(onDone="delete") as binding:
        await binding.settle(settled(await read(binding, 1)))
        container.put("b")
        assert [one.metadata["key"] for one in await read(binding, 1)] == ["b"]
    assert "is done, and stays" in caplog.text
    assert "SnapshotsPresent" in caplog.text


async def test_archived_blob_is_left_out_and_said_once(container: Container, caplog: pytest.LogCaptureFixture) -> None:
    container.put("cold")
    container.client.get_blob_client("cold").set_standard_blob_tier("Archive")
    async with container.reading() as binding:
        for name in ("warm", "warmer"):
            container.put(name)
            assert [one.metadata["key"] for one in await read(binding, 1)] == [name]
    assert len(caplog.records) == 1
    assert "cold is left out until it changes" in caplog.text


async def test_container_of_several_pages_comes_whole_and_in_order(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_input, "_PAGE", 10)
    names = [f"{number:04}" for number in range(45)]
    for name in names:
        container.put(name)
    received: list[Received] = []
    async with container.reading() as binding, asyncio.timeout(30):
        while len(received) < len(names):
            batch = await binding.read(7)
            await binding.settle(settled(batch))
            received += batch
        assert [one.metadata["key"] for one in received] == names
        container.put("0012a")
        assert [one.metadata["key"] for one in await read(binding, 1)] == ["0012a"]


async def test_server_that_is_away_is_not_ready(container: Container) -> None:
    binding = container.input(endpoint="http://127.0.0.1:9")
    with pytest.raises(NotReady, match=f"container {container.name}: Cannot connect"):
        await binding.open()
    await binding.close()


async def test_container_that_goes_away_is_said_by_the_next_open(container: Container) -> None:
    async with container.reading(disableEntityManagement="true") as binding:
        container.client.delete_container()
        with pytest.raises(NotReady, match="ContainerNotFound"):
            await read_until_not_ready(binding)
        await binding.close()
        with pytest.raises(DefinitionError, match="ContainerNotFound"):
            await binding.open()


async def test_restart_of_the_server_loses_nothing(tmp_path: Path) -> None:
    azurite = Azurite(tmp_path)
    azurite.start()
    try:
        container = Container(azurite, "uploads")
        for name in ("a", "b", "c"):
            container.put(name, name.encode())
        async with container.reading(pollInterval="10ms") as binding:
            await binding.settle(settled(await binding.read(1)))
            azurite.stop()
            with pytest.raises(NotReady):
                await read_until_not_ready(binding)
            azurite.start()
            await binding.close()
            await binding.open()
            assert [one.data for one in await read(binding, 2)] == [b"b", b"c"]
    finally:
        azurite.close()


async def test_cut_connection_is_made_again_and_loses_nothing(container: Container) -> None:
    proxy = Proxy(container.azurite.blob_port)
    await proxy.start()
    names = [f"{number:03}" for number in range(60)]
    for name in names:
        container.put(name, name.encode())
    async with container.reading(endpoint=f"http://127.0.0.1:{proxy.port}", onDone="delete", retryCount=1) as binding:
        seen: set[bytes | None] = set()
        async with asyncio.timeout(30):
            while len(seen) < len(names):
                try:
                    batch = await binding.read(20)
                    proxy.cut()
                    await binding.settle(settled(batch))
                    seen |= {one.data for one in batch}
                except NotReady:
                    await binding.close()
                    await binding.open()
    await proxy.stop()
    assert container.names == []


async def test_peek_takes_nothing(container: Container) -> None:
    assert component.peek is not None
    for name in ("a", "b", "c"):
        container.put(name)
    async with container.reading() as binding:
        await binding.settle(settled(await binding.read(1)))
    found = await component.peek(container.metadata(), context("uploads", store=container.store), 1)
    assert [one.metadata["key"] for one in found] == ["b"]
