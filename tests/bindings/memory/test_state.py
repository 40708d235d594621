from __future__ import annotations

import pytest

from bindings.contract import Change, EtagMismatch
from bindings.memory.state import MemoryState
from bindings.metadata import StateMetadata
from engine.clock import VirtualClock
from tests.bindings.fakes import context


def state(clock: VirtualClock | None = None) -> MemoryState:
    return MemoryState(StateMetadata(), context(clock=clock))


async def test_value_comes_back_with_an_etag_that_changes() -> None:
    store = state()
    await store.write([Change("a", b"1")])
    first = (await store.get(["a", "b"]))["a"]
    await store.write([Change("a", b"1")])
    second = (await store.get(["a"]))["a"]
    assert (first.value, first.expires) == (b"1", None)
    assert first.etag != second.etag
    assert "b" not in await store.get(["a", "b"])


@pytest.mark.parametrize("value", [b"2", None])
async def test_change_for_another_value_is_refused(value: bytes | None) -> None:
    store = state()
    await store.write([Change("a", b"1")])
    errors = await store.write([Change("a", value, etag="stale"), Change("b", value, etag="1")])
    assert [type(error) for error in errors] == [EtagMismatch, EtagMismatch]
    assert (await store.get(["a"]))["a"].value == b"1"


async def test_change_with_the_current_etag_is_made() -> None:
    store = state()
    await store.write([Change("a", b"1")])
    etag = (await store.get(["a"]))["a"].etag
    assert await store.write([Change("a", None, etag=etag)]) == [None]
    assert await store.get(["a"]) == {}


async def test_first_write_is_only_for_a_key_without_a_value() -> None:
    store = state()
    errors = await store.write([Change("a", b"1", first_write=True), Change("a", b"2", first_write=True)])
    assert errors[0] is None
    assert isinstance(errors[1], EtagMismatch)


async def test_delete_of_what_is_not_there_is_done() -> None:
    assert await state().write([Change("a", None)]) == [None]


async def test_value_expires_unless_it_was_written_again() -> None:
    clock = VirtualClock()
    store = state(clock)
    await store.write([Change("a", b"1", ttl=10), Change("b", b"1", ttl=10)])
    assert (await store.get(["a"]))["a"].expires == clock.now() + 10
    await store.write([Change("b", b"2")])
    await clock.advance(10)
    assert (await store.get(["a", "b"])).keys() == {"b"}


async def test_transaction_that_fails_changes_nothing() -> None:
    store = state()
    await store.write([Change("a", b"1")])
    with pytest.raises(EtagMismatch):
        await store.transact([Change("a", None), Change("b", b"1"), Change("c", b"1", etag="stale")])
    assert {key: item.value for key, item in (await store.get(["a", "b", "c"])).items()} == {"a": b"1"}


async def test_transaction_is_done_in_its_order() -> None:
    store = state()
    await store.transact([Change("a", b"1"), Change("a", None), Change("b", b"1"), Change("b", b"2")])
    assert {key: item.value for key, item in (await store.get(["a", "b"])).items()} == {"b": b"2"}
