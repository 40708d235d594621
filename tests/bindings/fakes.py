"""What a binding is lent and called with, in memory: the context, operations."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping

from bindings.contract import Clock, Context, Operation
from bindings.store import Store
from engine.clock import VirtualClock
from engine.event import Attribute, Event
from engine.testing.memory_store import MemoryStore

_numbers = itertools.count(1)


def context(name: str = "test", clock: Clock | None = None, store: Store | None = None) -> Context:
    return Context(name=name, store=store or MemoryStore(), clock=clock or VirtualClock())


def event(data: bytes | None = None, **attributes: Attribute) -> Event:
    """A valid event; its id and, unless given, its data are like no other's."""
    number = next(_numbers)
    envelope = {"specversion": "1.0", "id": f"event-{number}", "source": "/tests", "type": "test", **attributes}
    return Event(envelope, b'{"number":%d}' % number if data is None else data)


def operation(
    name: str, data: bytes | None = None, metadata: Mapping[str, str] | None = None, **attributes: Attribute
) -> Operation:
    return Operation(name=name, event=event(data, **attributes), metadata=metadata or {})


async def eventually(condition: Callable[[], bool], timeout: float = 5.0) -> None:
    """Returns when the condition holds; for what other threads and processes do, and no clock or event tells."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - there is nothing to be woken by
            await asyncio.sleep(0.005)
