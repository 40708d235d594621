from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bindings.contract import Change
from bindings.memory.state import MemoryState
from engine.errors import EventError
from tests.engine.api.served import DEFINITIONS, served

STATE = "/v1.0/state/statestore"


async def test_component_stays_open_until_the_call_that_uses_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its definition changes while the call is under way."""
    told: list[str] = []
    reached, go = asyncio.Event(), asyncio.Event()
    write, close = MemoryState.write, MemoryState.close

    async def slow_write(store: MemoryState, changes: Sequence[Change]) -> Sequence[EventError | None]:
        reached.set()
        await go.wait()
        told.append("written")
        return await write(store, changes)

    async def told_close(store: MemoryState) -> None:
        told.append("closed")
        await close(store)

    monkeypatch.setattr(MemoryState, "write", slow_write)
    monkeypatch.setattr(MemoryState, "close", told_close)
    async with served(tmp_path) as api, asyncio.timeout(10):
        call = asyncio.create_task(api.status("POST", STATE, [{"key": "a", "value": 1}]))
        await reached.wait()
        await api.apply("")
        go.set()
        assert await call == 204
        assert told == ["written", "closed"]


async def test_component_is_opened_once_for_many_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[MemoryState] = []

    async def told_open(store: MemoryState) -> None:
        opened.append(store)

    monkeypatch.setattr(MemoryState, "open", told_open)
    async with served(tmp_path) as api:
        assert not opened
        await asyncio.gather(*(api.status("GET", f"{STATE}/{key}") for key in "abc"))
        await api.apply(DEFINITIONS)
        await api.status("GET", f"{STATE}/a")
    assert len(opened) == 1


async def test_app_that_is_gone_is_missing(tmp_path: Path) -> None:
    app = "apiVersion: jackfield/v1\nkind: App\nmetadata: {name: orders}\nspec: {url: 'http://127.0.0.1:9'}\n"
    async with served(tmp_path, app) as api:
        _, body, _ = await api.call("GET", "/v1.0/invoke/orders/method/x")
        assert b"cannot be reached" in body
        await api.apply("")
        _, body, _ = await api.call("GET", "/v1.0/invoke/orders/method/x")
        assert b"there is no app of this name" in body
