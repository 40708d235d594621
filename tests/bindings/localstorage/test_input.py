from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import InputBinding, Outcome, Received, Settled
from bindings.localstorage import component
from bindings.localstorage.folder import File, Folder
from bindings.localstorage.metadata import LocalStorageMetadata
from bindings.objects import Page
from engine.clock import SystemClock, VirtualClock
from engine.errors import NotReady
from engine.testing.memory_store import MemoryStore
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context, eventually


class TestLocalStorageInput(InputConformance):
    counts_attempts = False

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.root = tmp_path
        self.store = MemoryStore()
        self.count = 0

    async def make(self) -> InputBinding:
        assert component.input
        metadata = LocalStorageMetadata(root_path=str(self.root), poll_interval=0.005, settle_time=0)
        return component.input(metadata, context(clock=SystemClock(), store=self.store))

    async def produce(self, count: int) -> Sequence[bytes | None]:
        produced: list[bytes | None] = []
        for _ in range(count):
            self.count += 1
            produced.append(b"%d" % self.count)
            (self.root / f"{self.count:03}.txt").write_bytes(b"%d" % self.count)
        return produced


class Desk:
    """One input on a folder, whose time is moved by hand."""

    def __init__(self, root: Path, **metadata: Any) -> None:
        self.root = root
        self.metadata = LocalStorageMetadata.model_validate({"rootPath": str(root), "settleTime": 0, **metadata})
        self.store = MemoryStore()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[InputBinding]:
        assert component.input
        self.clock = VirtualClock()
        binding = component.input(self.metadata, context("uploads", self.clock, self.store))
        await binding.open()
        yield binding
        await binding.close()

    def write(self, name: str, data: bytes = b"data", modified: float = 1_700_000_000) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (modified, modified))
        return path

    async def pass_by(self, looks: int = 1) -> None:
        """Time for that many looks; the reader waits again when this returns."""
        for _ in range(looks):
            await eventually(lambda: self.clock.sleepers > 0)
            await self.clock.advance(self.metadata.poll_interval)
        await eventually(lambda: self.clock.sleepers > 0)

    async def read(self, binding: InputBinding, limit: int = 10) -> Sequence[Received]:
        return await self.finish(asyncio.create_task(binding.read(limit)))

    async def finish(self, reading: asyncio.Task[Sequence[Received]]) -> Sequence[Received]:
        """Lets the time of so many looks pass as it needs, at most a hundred."""
        looks = 0
        while not reading.done():
            await eventually(lambda: reading.done() or self.clock.sleepers > 0)
            await self.clock.advance(self.metadata.poll_interval)
            looks += 1
            assert looks < 100
        return reading.result()

    async def assert_nothing_comes(self, binding: InputBinding) -> None:
        reading = asyncio.create_task(binding.read(10))
        await self.pass_by(looks=3)
        assert not reading.done()
        reading.cancel()


async def test_file_becomes_an_event(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    path = desk.write("in/may 1.json", b"{}", modified=1_700_000_000.125)
    async with desk.opened() as binding:
        [received] = await desk.read(binding)
    assert received.id == "in/may 1.json@1700000000125000000-2"
    assert received.data == b"{}"
    assert received.attributes == {
        "subject": "in/may 1.json",
        "time": "2023-11-14T22:13:20.125Z",
        "datacontenttype": "application/json",
    }
    assert received.metadata == {
        "key": "in/may 1.json",
        "fileName": "may 1.json",
        "path": str(path),
        "size": "2",
        "etag": "1700000000125000000-2",
        "modified": "2023-11-14T22:13:20.125Z",
    }


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.jpg", "image/jpeg"),
        ("a.csv", "text/csv"),
        ("a.TXT", "text/plain"),
        ("a.unheard-of", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a.json.gz", "application/octet-stream"),
    ],
)
async def test_content_type_is_that_of_the_extension(tmp_path: Path, name: str, content_type: str) -> None:
    desk = Desk(tmp_path)
    desk.write(name)
    async with desk.opened() as binding:
        [received] = await desk.read(binding)
    assert received.attributes["datacontenttype"] == content_type


async def test_time_before_the_epoch_is_moved_there(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("a.txt", modified=-1e9)
    async with desk.opened() as binding:
        [received] = await desk.read(binding)
    assert received.attributes["time"] == "1970-01-01T00:00:00.000Z"


async def test_large_file_is_only_referred_to(tmp_path: Path) -> None:
    desk = Desk(tmp_path, maxInlineSize="4")
    desk.write("a b.bin", b"12345", modified=1)
    desk.write("small.bin", b"1234", modified=2)
    async with desk.opened() as binding:
        large, small = await desk.read(binding)
    assert large.data is None
    assert large.attributes["dataref"] == f"file://{tmp_path}/a%20b.bin"
    assert large.metadata["size"] == "5"
    assert small.data == b"1234"
    assert "dataref" not in small.attributes


async def test_files_come_oldest_first_then_by_name(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for name, modified in [("b", 2), ("a", 2), ("new", 3), ("old", 1)]:
        desk.write(name, modified=modified)
    async with desk.opened() as binding:
        assert [one.metadata["key"] for one in await desk.read(binding)] == ["old", "a", "b", "new"]


async def test_only_files_of_the_pattern_are_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path, pattern="in/**/*.jpg")
    for name in ("in/a.jpg", "in/deep/b.jpg", "in/a.txt", "c.jpg"):
        desk.write(name)
    async with desk.opened() as binding:
        assert [one.metadata["key"] for one in await desk.read(binding)] == ["in/a.jpg", "in/deep/b.jpg"]


async def test_hidden_and_unfinished_files_and_links_are_left(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "root")
    for name in (".hidden", ".git/config", "a.txt.part", "a.tmp"):
        desk.write(name)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").touch()
    (desk.root / "file").symlink_to(tmp_path / "outside" / "secret")
    (desk.root / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(desk.root / "pipe")
    async with desk.opened() as binding:
        await desk.assert_nothing_comes(binding)


async def test_file_that_is_being_written_is_left_until_it_rests(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settleTime="2s", pollInterval="1s")
    async with desk.opened() as binding:
        reading = asyncio.create_task(binding.read(10))
        for length in range(1, 6):
            desk.write("a.txt", b"x" * length)
            await desk.pass_by()
        await desk.pass_by()
        assert not reading.done()
        await desk.clock.advance(1)
        assert [one.data for one in await reading] == [b"xxxxx"]


async def test_file_that_rests_is_taken_although_the_clock_was_set_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settleTime="1s", pollInterval="500ms")
    async with desk.opened() as binding:
        reading = asyncio.create_task(binding.read(10))
        desk.write("a.txt")
        await desk.pass_by()
        desk.clock.set(-3600)
        assert len(await desk.finish(reading)) == 1


async def test_look_in_which_the_clock_was_set_does_not_put_off_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    look = Folder.look

    def slow_look(folder: Folder, now: float) -> Page[File]:
        if not desk.root.joinpath("a.txt").exists():
            desk.clock.set(3600)
        return look(folder, now)

    monkeypatch.setattr(Folder, "look", slow_look)
    async with desk.opened() as binding:
        desk.write("a.txt")
        assert len(await desk.read(binding)) == 1


async def test_file_is_seen_twice_before_it_is_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with desk.opened() as binding:
        reading = asyncio.create_task(binding.read(10))
        desk.write("a.txt")
        await desk.pass_by()
        assert not reading.done()
        await desk.clock.advance(1)
        assert len(await reading) == 1


async def test_file_that_vanishes_before_it_is_read_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path)
    for number in range(3):
        desk.write(f"{number}", modified=number)
    async with desk.opened() as binding:
        [first] = await desk.read(binding, limit=1)
        (tmp_path / "1").unlink()
        [last] = await desk.read(binding)
    assert (first.metadata["key"], last.metadata["key"]) == ("0", "2")
    assert not caplog.records


async def test_file_that_changes_before_it_is_read_comes_as_it_is_then(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in range(2):
        desk.write(f"{number}", modified=number)
    async with desk.opened() as binding:
        await desk.read(binding, limit=1)
        desk.write("1", b"changed", modified=5)
        [received] = await desk.read(binding)
    assert received.data == b"changed"
    assert received.id == "1@5000000000-7"


async def test_file_replaced_by_a_link_is_not_followed(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "root")
    secret = Desk(tmp_path).write("secret", modified=1)
    for number in range(2):
        desk.write(f"{number}", modified=number)
    async with desk.opened() as binding:
        await desk.read(binding, limit=1)
        (desk.root / "1").unlink()
        (desk.root / "1").symlink_to(secret)
        await desk.assert_nothing_comes(binding)


async def test_changed_file_is_an_event_of_its_own(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("a.txt", b"one", modified=1)
    async with desk.opened() as binding:
        first = await desk.read(binding)
        await binding.settle(settled(first))
        desk.write("a.txt", b"two", modified=2)
        second = await desk.read(binding)
    assert [first[0].data, second[0].data] == [b"one", b"two"]
    assert first[0].id != second[0].id


async def test_changed_file_waits_for_its_version_before(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("a.txt", b"one", modified=1)
    async with desk.opened() as binding:
        first = await desk.read(binding)
        desk.write("a.txt", b"two", modified=2)
        await desk.assert_nothing_comes(binding)
        await binding.settle(settled(first))
        assert [one.data for one in await desk.read(binding)] == [b"two"]


async def test_released_file_is_given_out_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, pollInterval="1h")
    desk.write("a.txt")
    async with desk.opened() as binding:
        received = await desk.read(binding)
        reading = asyncio.create_task(binding.read(10))
        await eventually(lambda: desk.clock.sleepers > 0)
        await binding.settle(settled(received, Outcome.RELEASED))
        assert [one.id for one in await reading] == [received[0].id]


async def test_marks_are_kept_in_the_store_until_the_file_is_gone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for name in ("a", "b"):
        desk.write(name, modified=1)
    async with desk.opened() as binding:
        await binding.settle(settled(await desk.read(binding)))
        assert await desk.store.marks("localstorage/uploads") == {"a": "1000000000-4", "b": "1000000000-4"}
        (tmp_path / "a").unlink()
        await desk.assert_nothing_comes(binding)
    assert await desk.store.marks("localstorage/uploads") == {"b": "1000000000-4"}


@pytest.mark.parametrize(
    ("on_done", "outcome", "stays"),
    [
        ("keep", Outcome.DONE, True),
        ("delete", Outcome.DONE, False),
        ("delete", Outcome.FILTERED, True),
        ("delete", Outcome.DEAD_LETTERED, True),
        ("delete", Outcome.RELEASED, True),
    ],
)
async def test_file_is_deleted_only_when_done(tmp_path: Path, on_done: str, outcome: Outcome, stays: bool) -> None:
    desk = Desk(tmp_path, onDone=on_done)
    path = desk.write("a.txt")
    async with desk.opened() as binding:
        await binding.settle(settled(await desk.read(binding), outcome))
    assert path.exists() == stays


async def test_file_that_changed_since_it_was_read_is_not_deleted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, onDone="delete")
    desk.write("a.txt", b"one", modified=1)
    async with desk.opened() as binding:
        first = await desk.read(binding)
        desk.write("a.txt", b"two", modified=2)
        await binding.settle(settled(first))
        assert [one.data for one in await desk.read(binding)] == [b"two"]


async def test_file_whose_name_is_not_utf8_is_left_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path)
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.txt", os.O_CREAT))
    async with desk.opened() as binding:
        await desk.assert_nothing_comes(binding)
    assert [record.name for record in caplog.records] == ["jackfield.localstorage"]


@pytest.fixture
def foreign_folder() -> Iterator[Path]:
    """A folder of somebody who may not read everything: pytest's own is closed to others, and root may do all."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    user, nobody = os.geteuid(), 65534
    if user == 0:
        os.chown(folder, nobody, nobody)
        os.seteuid(nobody)
    yield folder
    if user == 0:
        os.seteuid(0)
    for name in os.listdir(folder):
        (folder / name).chmod(0o700)
    shutil.rmtree(folder)


async def test_unreadable_file_is_left_until_it_changes_and_said_once(
    foreign_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(foreign_folder)
    path = desk.write("closed", modified=1)
    path.chmod(0)
    async with desk.opened() as binding:
        await desk.assert_nothing_comes(binding)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert str(path) in caplog.text
        path.chmod(0o600)
        desk.write("closed", b"open", modified=2)
        assert [one.data for one in await desk.read(binding)] == [b"open"]


async def test_unreadable_folder_keeps_its_marks_and_stops_nobody(
    foreign_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(foreign_folder)
    desk.write("folder/a.txt", modified=1)
    async with desk.opened() as binding:
        await binding.settle(settled(await desk.read(binding)))
        (foreign_folder / "folder").chmod(0)
        await desk.assert_nothing_comes(binding)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        desk.write("other.txt")
        assert [one.metadata["key"] for one in await desk.read(binding)] == ["other.txt"]
        (foreign_folder / "folder").chmod(0o700)
        await desk.assert_nothing_comes(binding)


async def test_folder_that_goes_away_is_not_ready(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "root")
    async with desk.opened() as binding:
        desk.root.rmdir()
        with pytest.raises(NotReady, match="cannot be read"):
            await desk.read(binding)


async def test_settle_that_fails_can_be_said_again(tmp_path: Path) -> None:
    class FailingOnce(MemoryStore):
        failed = False

        async def set_marks(self, scope: str, marks: Any) -> None:
            if not self.failed:
                self.failed = True
                raise NotReady("the store is away")
            await super().set_marks(scope, marks)

    desk = Desk(tmp_path, onDone="delete")
    desk.store = FailingOnce()
    for name in ("a", "b"):
        desk.write(name)
    async with desk.opened() as binding:
        a, b = await desk.read(binding)
        outcomes = [Settled(a, Outcome.DONE), Settled(b, Outcome.DEAD_LETTERED)]
        with pytest.raises(NotReady):
            await binding.settle(outcomes)
        await binding.settle(outcomes)
        await desk.assert_nothing_comes(binding)
    assert os.listdir(tmp_path) == ["b"]


async def test_backlog_is_given_out_in_order_with_no_look_between(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in range(1000):
        desk.write(f"{number:04}", modified=number)
    async with desk.opened() as binding:
        received = [*await desk.read(binding, limit=1)]
        while len(received) < 1000:
            received += await binding.read(limit=100)  # the clock stands still, so no look can be waited for
    assert [one.metadata["key"] for one in received] == [f"{number:04}" for number in range(1000)]


async def test_peek_shows_the_files_that_wait_and_marks_none(tmp_path: Path) -> None:
    metadata = LocalStorageMetadata(root_path=str(tmp_path), pattern="*.txt")
    store = MemoryStore()
    for name in ("a.txt", "b.txt", "c.txt", "d.jpg"):
        (tmp_path / name).write_bytes(name.encode())

    async def peek() -> dict[str, Received]:
        assert component.peek
        waiting = await component.peek(metadata, context("uploads", store=store), 10)
        return {message.metadata["key"]: message for message in waiting}

    waiting = await peek()
    assert {key: message.data for key, message in waiting.items()} == {
        "a.txt": b"a.txt",
        "b.txt": b"b.txt",
        "c.txt": b"c.txt",
    }
    assert await store.marks("localstorage/uploads") == {}
    await store.set_marks("localstorage/uploads", {"a.txt": waiting["a.txt"].metadata["etag"]})  # it is done
    assert set(await peek()) == {"b.txt", "c.txt"}


async def test_peek_makes_no_folder(tmp_path: Path) -> None:
    assert component.peek
    metadata = LocalStorageMetadata(root_path=str(tmp_path / "uploads"))

    assert await component.peek(metadata, context("uploads"), 10) == []
    assert not (tmp_path / "uploads").exists()
