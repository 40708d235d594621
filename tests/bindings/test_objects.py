from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from bindings.contract import InputBinding, Outcome, Received
from bindings.objects import Fetched, Habits, ObjectInput, Page, content_type_of, waiting
from engine.clock import VirtualClock
from engine.errors import NotReady, Retryable
from engine.testing.memory_store import MemoryStore
from tests.bindings.conformance import settled
from tests.bindings.fakes import context, eventually

PAGE = 3


class Thing(NamedTuple):
    key: str
    etag: str = "1"
    size: int = 1
    modified: float = 0.0


class Shelf:
    """A place in memory, listed in the order of the keys."""

    def __init__(self, *things: Thing) -> None:
        self.things = {thing.key: thing for thing in things}
        self.pages: list[str | None] = []  # where those began that were looked at
        self.problem: Exception | None = None
        self.unreadable: set[str] = set()
        self.closed: tuple[str, ...] = ()
        self.finished: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def put(self, thing: Thing) -> None:
        self.things[thing.key] = thing

    async def open(self) -> None:
        pass

    async def page(self, start: str | None) -> Page[Thing]:
        if self.problem:
            raise self.problem
        self.pages.append(start)
        rest = [
            self.things[key] for key in sorted(self.things) if key > (start or "") and not key.startswith(self.closed)
        ]
        page = rest[:PAGE]
        end = page[-1].key if len(rest) > PAGE else None
        return Page(page, {thing.key for thing in page}, end, self.closed)

    async def fetch(self, versions: Sequence[Thing]) -> Fetched[Thing]:
        await self.gate.wait()
        if self.problem:
            raise self.problem
        there = [thing for thing in versions if self.things.get(thing.key) == thing]
        return Fetched(
            [
                Received(f"{thing.key}@{thing.etag}", None, handle=thing)
                for thing in there
                if thing.key not in self.unreadable
            ],
            [thing for thing in there if thing.key in self.unreadable],
        )

    async def finish(self, versions: Sequence[Thing]) -> Sequence[Thing]:
        if self.problem:
            raise self.problem
        self.finished += [thing.key for thing in versions]
        return ()

    async def close(self) -> None:
        pass


class Desk:
    """One input on a shelf, whose time is moved by hand."""

    def __init__(self, *things: Thing, look_back: float | None = None) -> None:
        self.shelf = Shelf(*things)
        self.store = MemoryStore()
        self.clock = VirtualClock()
        self.habits = Habits("shelf/test", 10.0, 100, look_back)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[InputBinding]:
        binding = ObjectInput(self.shelf, self.habits, context("test", self.clock, self.store))
        await binding.open()
        yield binding
        await binding.close()

    async def next(self, binding: InputBinding, limit: int = 10) -> list[str]:
        """The keys of what comes, within a few looks."""
        reading = asyncio.create_task(binding.read(limit))
        for _ in range(5):
            await eventually(lambda: reading.done() or self.clock.sleepers > 0)
            if reading.done():
                break
            await self.clock.advance(10)
        return [one.handle.key for one in await reading]

    async def nothing_comes(self, binding: InputBinding, looks: int = 2) -> None:
        reading = asyncio.create_task(binding.read(10))
        for _ in range(looks):
            await eventually(lambda: self.clock.sleepers > 0)
            await self.clock.advance(10)
        await eventually(lambda: self.clock.sleepers > 0)
        assert not reading.done()
        reading.cancel()


def things(*keys: str, **more: float) -> list[Thing]:
    return [Thing(key, modified=more.get("modified", 0.0)) for key in keys]


async def test_page_is_turned_only_when_the_one_before_is_used_up() -> None:
    desk = Desk(*things("a", "b", "c", "d", "e", "f", "g"))
    async with desk.opened() as binding:
        assert await desk.next(binding, 2) == ["a", "b"]
        assert await desk.next(binding) == ["c"]
        assert desk.shelf.pages == [None]
        assert await desk.next(binding) == ["d", "e", "f"]
        assert desk.shelf.pages == [None, "c"]
        assert await desk.next(binding) == ["g"]
        assert desk.shelf.pages == [None, "c", "f"]


async def test_large_objects_come_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.objects._BYTES_AT_ONCE", 150)
    desk = Desk(Thing("a", size=100), Thing("b", size=100), Thing("c", size=100))
    async with desk.opened() as binding:
        assert await desk.next(binding) == ["a", "b"]
        assert await desk.next(binding) == ["c"]


async def test_objects_that_are_only_referred_to_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.objects._BYTES_AT_ONCE", 150)
    desk = Desk(Thing("a", size=101), Thing("b", size=101), Thing("c", size=101))
    async with desk.opened() as binding:
        assert await desk.next(binding) == ["a", "b", "c"]


async def test_marks_of_what_is_gone_are_dropped_after_a_whole_look_and_not_before() -> None:
    desk = Desk(*things("a", "b", "c", "d", "x/e"))
    async with desk.opened() as binding:
        for count in (3, 2):
            batch = await binding.read(count)
            await binding.settle(settled(batch))
        del desk.shelf.things["b"]
        desk.shelf.closed = ("x/",)  # it cannot be looked at: what is there is not gone
        await desk.nothing_comes(binding)
        assert set(await desk.store.marks("shelf/test")) == {"a", "c", "d", "x/e"}


async def test_read_that_is_cancelled_gives_its_objects_back() -> None:
    desk = Desk(*things("a", "b"))
    async with desk.opened() as binding:
        desk.shelf.gate.clear()
        reading = asyncio.create_task(binding.read(10))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})
        desk.shelf.gate.set()
        assert await desk.next(binding) == ["a", "b"]


async def test_place_that_does_not_answer_loses_nothing() -> None:
    desk = Desk(*things("a", "b"))
    async with desk.opened() as binding:
        desk.shelf.problem = NotReady("away")
        with pytest.raises(NotReady):
            await binding.read(10)
        desk.shelf.problem = None
        assert await desk.next(binding) == ["a", "b"]


async def test_unreadable_object_is_left_out_until_it_changes_and_leaves_no_mark() -> None:
    desk = Desk(*things("a", "b"))
    desk.shelf.unreadable = {"a"}
    async with desk.opened() as binding:
        assert await desk.next(binding) == ["b"]
        await desk.nothing_comes(binding)
        desk.shelf.unreadable = set()
        desk.shelf.put(Thing("a", "2"))
        assert await desk.next(binding) == ["a"]
    assert await desk.store.marks("shelf/test") == {}


async def test_what_could_not_be_finished_is_not_marked_and_is_finished_the_next_time() -> None:
    desk = Desk(*things("a", "b", "c"))
    async with desk.opened() as binding:
        batch = settled(await binding.read(2)) + settled(await binding.read(1), Outcome.FILTERED)
        desk.shelf.problem = Retryable("later")
        with pytest.raises(Retryable):
            await binding.settle(batch)
        assert await desk.store.marks("shelf/test") == {}
        desk.shelf.problem = None
        await binding.settle(batch)
    assert desk.shelf.finished == ["a", "b"]
    assert set(await desk.store.marks("shelf/test")) == {"a", "b", "c"}


async def test_look_back_begins_behind_what_is_finished_and_old() -> None:
    now = VirtualClock().now()
    desk = Desk(*things("a", "b", "c", "d", modified=now - 100), Thing("e", modified=now), look_back=60.0)
    async with desk.opened() as binding:
        first = await binding.read(10)
        await binding.settle(settled([first[0], first[2]]))  # b is still under way
        assert await desk.next(binding) == ["d", "e"]
        await desk.nothing_comes(binding, looks=1)
        assert await desk.store.marks("shelf/test/begin") == {"key": "a"}
        assert await desk.store.marks("shelf/test") == {"c": "1"}
        await binding.settle(settled([first[1]]))
        desk.shelf.pages.clear()
        await desk.nothing_comes(binding, looks=1)
        assert desk.shelf.pages == ["c"]
        desk.shelf.put(Thing("b2", modified=now))  # late, and before what is done: never seen
        desk.shelf.put(Thing("d2", modified=now))
        assert await desk.next(binding) == ["d2"]
    desk.shelf.pages.clear()
    async with desk.opened() as binding:
        assert desk.shelf.pages == ["c"]
        assert await desk.next(binding) == ["d", "d2", "e"]


async def test_look_back_sees_what_comes_late_within_its_time() -> None:
    now = VirtualClock().now()
    desk = Desk(*things("a", "c", modified=now), look_back=60.0)
    async with desk.opened() as binding:
        await binding.settle(settled(await binding.read(10)))
        desk.shelf.put(Thing("b", modified=now))
        assert await desk.next(binding) == ["b"]


async def test_waiting_shows_what_would_come_and_changes_nothing() -> None:
    shelf = Shelf(*things("a", "b", "c", "d", "e"))
    shown = await waiting(shelf, {"a": "1", "d": "0"}, 3)
    assert [one.handle.key for one in shown] == ["b", "c", "d"]
    assert [one.handle.key for one in await waiting(shelf, {}, 100)] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("key", "said", "content_type"),
    [
        ("a.json", "", "application/json"),
        ("a.json", "application/octet-stream", "application/json"),
        ("a.json", "binary/octet-stream", "application/json"),
        ("a.json", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("a.json.gz", "", "application/octet-stream"),
        ("a", "", "application/octet-stream"),
    ],
)
def test_content_type(key: str, said: str, content_type: str) -> None:
    assert content_type_of(key, said) == content_type
