"""The conformance suite of state stores: what bindings/contract.py says of `StateStore`.

One test is one fresh system, or fresh keys in one: an autouse fixture of the subclass, or its `make`, sees to that.

    class TestSqliteState(StateConformance):
        async def make(self) -> StateStore: ...

        async def pass_time(self, seconds: float) -> None:
            await self.clock.advance(seconds)
"""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from bindings.contract import Change, EtagMismatch, StateStore

VALUES = {
    "text": '"grün ✓ \\u0000"',
    "text that holds JSON": '"{\\"a\\": 1}"',
    "text of no characters": '""',
    "whole number": "123",
    "big number": "123456789012345678901234567890",
    "fraction": "-1.25e-3",
    "truth": "true",
    "nothing": "null",
    "object": '{"name": "Zoë", "nested": {"list": [1, 2, {"a": null}], "empty": {}}}',
    "list": "[3, 1, 2]",
}
BYTES = {
    "no bytes": b"",
    "all bytes": bytes(range(256)),
    "text that is no JSON": b"hello",
    "half a JSON": b'{"a":',
    "no number of JSON": b"NaN",
    "half a character": '"ü'.encode()[:2],
}
KEYS = [
    "a",
    "Zoë ✓ 日本",
    "shop||order||1",
    "with space",
    "'; DROP TABLE state; --",
    '"quoted"',
    "50%_*?[a]{b}",
    "a/b:c\\d",
]


class StateConformance(ABC):
    """Flags and hooks first; the tests follow."""

    durable: ClassVar[bool] = True
    """What is written is there for the next instance."""
    keeps_bytes: ClassVar[bool] = True
    """JSON comes back byte for byte; False for a system that keeps only its value."""
    biggest: ClassVar[int] = 1_000_000
    """Bytes of a value that it must take."""
    tolerance: ClassVar[float] = 2.0
    """Seconds by which the time of expiry may be off."""

    @abstractmethod
    async def make(self) -> StateStore:
        """A new instance on the same system, not opened."""

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """That much time passes for the system: the clock that it was lent is moved, or what it keeps grows older."""

    def now(self) -> float:
        """The time by which the system reckons."""
        return time.time()

    @pytest.fixture
    async def store(self) -> AsyncIterator[StateStore]:
        store = await self.make()
        try:
            await store.open()
            yield store
        finally:
            await store.close()

    async def put(self, store: StateStore, *changes: Change) -> None:
        assert list(await store.write(changes)) == [None] * len(changes)

    async def values(self, store: StateStore, *keys: str) -> dict[str, bytes]:
        return {key: item.value for key, item in (await store.get(keys)).items()}

    async def etag(self, store: StateStore, key: str) -> str:
        return (await store.get([key]))[key].etag

    def assert_same(self, found: bytes, written: bytes) -> None:
        if self.keeps_bytes:
            assert found == written
        else:
            assert json.loads(found) == json.loads(written)

    async def test_close_without_open_is_allowed(self) -> None:
        await (await self.make()).close()

    async def test_instances_can_follow_one_another(self) -> None:
        store = await self.make()
        for another in (store, store, await self.make()):
            await another.open()
            try:
                found = await self.values(another, "a")
                assert found in ([{}, {"a": b"1"}] if self.durable else [{}])
                await self.put(another, Change("a", b"1"))
            finally:
                await another.close()
        if self.durable:
            assert found == {"a": b"1"}

    async def test_nothing_is_asked_and_nothing_is_done(self, store: StateStore) -> None:
        assert dict(await store.get([])) == {}
        assert list(await store.write([])) == []
        await store.transact([])

    @pytest.mark.parametrize("name", VALUES)
    async def test_json_comes_back(self, store: StateStore, name: str) -> None:
        value = VALUES[name].encode()
        await self.put(store, Change("a", value))
        self.assert_same((await store.get(["a"]))["a"].value, value)

    @pytest.mark.parametrize("name", BYTES)
    async def test_bytes_come_back(self, store: StateStore, name: str) -> None:
        await self.put(store, Change("a", BYTES[name]))
        assert await self.values(store, "a") == {"a": BYTES[name]}

    @pytest.mark.parametrize("kind", ["json", "bytes"])
    async def test_big_value_comes_back(self, store: StateStore, kind: str) -> None:
        value = b"\xff\x00" * (self.biggest // 2) if kind == "bytes" else b'"%s"' % (b"x" * (self.biggest - 2))
        await self.put(store, Change("a", value))
        assert await self.values(store, "a") == {"a": value}

    async def test_keys_are_any_text(self, store: StateStore) -> None:
        await self.put(store, *(Change(key, b"%d" % number) for number, key in enumerate(KEYS)))
        assert await self.values(store, *KEYS) == {key: b"%d" % number for number, key in enumerate(KEYS)}
        await self.put(store, *(Change(key, None) for key in KEYS[1:]))
        assert await self.values(store, *KEYS) == {"a": b"0"}

    async def test_keys_are_told_apart(self, store: StateStore) -> None:
        keys = ["a", "A", "a ", " a", "á", "a\u0301"]
        await self.put(store, *(Change(key, key.encode()) for key in keys))
        assert await self.values(store, *keys) == {key: key.encode() for key in keys}

    async def test_key_that_is_not_there_has_no_item(self, store: StateStore) -> None:
        await self.put(store, Change("a", b"1"))
        assert await self.values(store, "a", "b", "a") == {"a": b"1"}

    async def test_many_keys_at_once(self, store: StateStore) -> None:
        changes = [Change(f"k{number}", b"%d" % number) for number in range(250)]
        await self.put(store, *changes)
        keys = [change.key for change in changes]
        assert await self.values(store, *keys) == {change.key: change.value for change in changes}
        await self.put(store, *(Change(key, None) for key in keys))
        assert await self.values(store, *keys) == {}

    async def test_last_change_of_a_key_counts(self, store: StateStore) -> None:
        await self.put(store, Change("a", b"1"), Change("b", b"1"), Change("a", None), Change("b", b"2"))
        assert await self.values(store, "a", "b") == {"b": b"2"}

    async def test_delete_of_what_is_not_there_is_done(self, store: StateStore) -> None:
        await self.put(store, Change("a", None))

    async def test_etag_changes_with_every_write(self, store: StateStore) -> None:
        etags = []
        for _ in range(3):
            await self.put(store, Change("a", b"1"))
            etags.append(await self.etag(store, "a"))
        await self.put(store, Change("b", b"1"))
        assert await self.etag(store, "a") == etags[-1]
        assert len(set(etags)) == 3
        assert all(etags)

    @pytest.mark.parametrize("value", [b"2", None])
    async def test_change_with_the_current_etag_is_made(self, store: StateStore, value: bytes | None) -> None:
        await self.put(store, Change("a", b"1"))
        await self.put(store, Change("a", value, etag=await self.etag(store, "a")))
        assert await self.values(store, "a") == ({} if value is None else {"a": value})

    @pytest.mark.parametrize("value", [b"3", None])
    async def test_change_with_another_etag_is_refused(self, store: StateStore, value: bytes | None) -> None:
        await self.put(store, Change("a", b"1"))
        stale = await self.etag(store, "a")
        await self.put(store, Change("a", b"2"))
        changes = [
            Change("a", value, etag=stale),
            Change("a", value, etag="no such etag"),
            Change("b", value, etag=stale),
        ]
        assert [type(error) for error in await store.write(changes)] == [EtagMismatch] * 3
        assert await self.values(store, "a", "b") == {"a": b"2"}

    async def test_refused_change_is_named_and_fails_alone(self, store: StateStore) -> None:
        await self.put(store, Change("wrong", b"1"), Change("right", b"1"))
        right = await self.etag(store, "right")
        errors = await store.write(
            [
                Change("new", b"2"),
                Change("wrong", b"2", etag="stale"),
                Change("right", b"2", etag=right),
                Change("x", None),
            ]
        )
        assert [type(error) for error in errors] == [type(None), EtagMismatch, type(None), type(None)]
        assert "wrong" in str(errors[1])
        assert await self.values(store, "new", "wrong", "right") == {"new": b"2", "wrong": b"1", "right": b"2"}

    async def test_first_write_is_only_for_a_key_without_a_value(self, store: StateStore) -> None:
        await self.put(store, Change("a", b"1", first_write=True))
        [error] = await store.write([Change("a", b"2", first_write=True)])
        assert isinstance(error, EtagMismatch)
        await self.put(store, Change("a", b"3", etag=await self.etag(store, "a"), first_write=True))
        assert await self.values(store, "a") == {"a": b"3"}
        await self.put(store, Change("a", None), Change("a", b"4", first_write=True))
        assert await self.values(store, "a") == {"a": b"4"}

    async def test_one_of_many_first_writers_wins(self, store: StateStore) -> None:
        changes = [Change("a", b"%d" % number, first_write=True) for number in range(10)]
        outcomes = await asyncio.gather(*(store.write([change]) for change in changes))
        won = [change.value for change, [error] in zip(changes, outcomes, strict=True) if error is None]
        assert [(await store.get(["a"]))["a"].value] == won
        assert sum(isinstance(error, EtagMismatch) for [error] in outcomes) == 9

    async def test_writers_who_mind_the_etag_lose_no_change(self, store: StateStore) -> None:
        await self.put(store, Change("a", b"0"))

        async def add_one() -> None:
            error: object = EtagMismatch("not tried yet")
            while error is not None:
                assert isinstance(error, EtagMismatch)
                item = (await store.get(["a"]))["a"]
                [error] = await store.write([Change("a", b"%d" % (int(item.value) + 1), etag=item.etag)])

        await asyncio.gather(*(add_one() for _ in range(8)))
        assert await self.values(store, "a") == {"a": b"8"}

    async def test_many_writers_side_by_side(self, store: StateStore) -> None:
        keys = [f"k{number}" for number in range(30)]
        # Each in an order of its own, so that they would wait for one another if they held what they have written.
        batches = [[Change(key, b"%d" % turn) for key in keys[turn:] + keys[:turn]] for turn in range(10)]
        for errors in await asyncio.gather(*(store.write(batch) for batch in batches)):
            assert list(errors) == [None] * 30
        assert set(await self.values(store, *keys)) == set(keys)

    async def test_transaction_is_done_in_its_order(self, store: StateStore) -> None:
        await self.put(store, Change("old", b"1"))
        await store.transact(
            [
                Change("a", b"1"),
                Change("b", b"1"),
                Change("a", None),
                Change("b", b"2"),
                Change("old", None),
                Change("x", None),
            ]
        )
        assert await self.values(store, "a", "b", "old", "x") == {"b": b"2"}

    @pytest.mark.parametrize("place", [0, 1, 2])
    async def test_transaction_that_is_refused_changes_nothing(self, store: StateStore, place: int) -> None:
        await self.put(store, Change("a", b"1"), Change("c", b"1"))
        changes = [Change("a", None), Change("b", b"1")]
        changes.insert(place, Change("c", b"2", etag="stale"))
        with pytest.raises(EtagMismatch, match="c"):
            await store.transact(changes)
        with pytest.raises(EtagMismatch, match="a"):
            await store.transact([Change("b", b"1"), Change("a", b"2", first_write=True)])
        assert await self.values(store, "a", "b", "c") == {"a": b"1", "c": b"1"}

    async def test_transaction_minds_etags_and_ttls(self, store: StateStore) -> None:
        await self.put(store, Change("a", b"1"), Change("b", b"1"))
        etags = [await self.etag(store, key) for key in ("a", "b")]
        await store.transact(
            [
                Change("a", b"2", etag=etags[0], ttl=2),
                Change("b", None, etag=etags[1]),
                Change("c", b"1", first_write=True),
            ]
        )
        assert await self.values(store, "a", "b", "c") == {"a": b"2", "c": b"1"}
        await self.pass_time(2)
        assert await self.values(store, "a", "b", "c") == {"c": b"1"}

    async def test_transactions_side_by_side_are_all_or_nothing(self, store: StateStore) -> None:
        async def write(number: int) -> None:
            changes = [Change(key, b"%d" % number) for key in ("x", "y", "z")]
            await store.transact(changes if number % 2 else changes[::-1])

        await asyncio.gather(*(write(number) for number in range(10)))
        found = await self.values(store, "x", "y", "z")
        assert len(found) == 3
        assert len(set(found.values())) == 1

    async def test_value_expires(self, store: StateStore) -> None:
        await self.put(store, Change("a", b"1", ttl=2), Change("b", b"1", ttl=100), Change("c", b"1"))
        items = await store.get(["a", "b", "c"])
        for key, ttl in (("a", 2), ("b", 100)):
            assert items[key].expires == pytest.approx(self.now() + ttl, abs=self.tolerance)
        assert items["c"].expires is None
        await self.pass_time(2)
        assert (await store.get(["a", "b", "c"])).keys() == {"b", "c"}

    async def test_write_without_ttl_removes_it(self, store: StateStore) -> None:
        await self.put(store, Change("a", b"1", ttl=2))
        await self.put(store, Change("a", b"2"))
        assert (await store.get(["a"]))["a"].expires is None
        await self.pass_time(2)
        assert await self.values(store, "a") == {"a": b"2"}

    async def test_write_with_ttl_begins_it_anew(self, store: StateStore) -> None:
        await self.put(store, Change("a", b"1", ttl=2), Change("b", b"1", ttl=100))
        await self.put(store, Change("a", b"2", ttl=100), Change("b", b"2", ttl=2))
        await self.pass_time(2)
        assert await self.values(store, "a", "b") == {"a": b"2"}

    @pytest.mark.parametrize("value", [b"2", None])
    async def test_value_that_has_expired_is_not_there(self, store: StateStore, value: bytes | None) -> None:
        await self.put(store, Change("a", b"1", ttl=2), Change("b", b"1", ttl=2))
        etag = await self.etag(store, "a")
        await self.pass_time(2)
        refused, written = await store.write([Change("a", value, etag=etag), Change("b", b"2", first_write=True)])
        assert isinstance(refused, EtagMismatch)
        assert written is None
        assert await self.values(store, "a", "b") == {"b": b"2"}

    async def test_calls_that_are_cancelled_leave_a_store_that_works(self, store: StateStore) -> None:
        for turns in range(4):
            writing = asyncio.create_task(store.write([Change("a", b"1")]))
            reading = asyncio.create_task(store.get(["a"]))
            for _ in range(turns):
                await asyncio.sleep(0)
            writing.cancel()
            reading.cancel()
            await asyncio.wait({writing, reading})
        await self.put(store, Change("a", b"2"))
        assert await self.values(store, "a") == {"a": b"2"}
