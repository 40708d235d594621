from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bindings.contract import Outcome, Received, Settled
from bindings.store import DurableQueue
from engine.relay import Relay
from engine.replay import message_of
from engine.testing.memory_store import MemoryStore
from tests.engine.test_replay import letter


class Bench:
    def __init__(self) -> None:
        self.passed_on: list[str] = []
        self.error: BaseException | None = None
        self.queue: DurableQueue = MemoryStore().queue("replay/orders")
        self.relay = Relay(self.queue, "new", self.pass_on)

    async def pass_on(self, received: Sequence[Received]) -> None:
        if self.error is not None:
            raise self.error
        self.passed_on += [one.metadata["replayOf"] for one in received]

    async def put(self, *, as_failed: str = "", as_now: str = "") -> None:
        """Replays of letters of the revision `rev`, each named by one letter."""
        messages = [message_of(letter(id), from_start=False, as_failed=True) for id in as_failed]
        await self.relay.put([*messages, *(message_of(letter(id), from_start=False) for id in as_now)])

    async def read(self) -> list[str]:
        return [one.metadata["replayOf"] for one in await self.relay.read(10)]


async def test_what_another_revision_must_do_is_passed_on_and_the_rest_is_read() -> None:
    bench = Bench()
    await bench.put(as_failed="ab", as_now="cd")
    assert (await bench.read(), bench.passed_on) == (["c", "d"], ["a", "b"])
    await bench.relay.close()  # gives out again what was read, and not what was passed on
    received = await bench.relay.read(10)
    assert [one.metadata["replayOf"] for one in received] == ["c", "d"]
    await bench.relay.settle([Settled(one, Outcome.DONE) for one in received])


async def test_reading_goes_on_when_all_was_for_another_revision() -> None:
    bench = Bench()
    await bench.put(as_failed="a")
    reading = asyncio.create_task(bench.read())
    await asyncio.sleep(0)
    await bench.put(as_now="b")
    assert (await reading, bench.passed_on) == (["b"], ["a"])


async def test_what_only_this_revision_may_do_is_read() -> None:
    bench = Bench()
    bench.relay = Relay(bench.queue, "rev", bench.pass_on)
    await bench.put(as_failed="a")
    assert (await bench.read(), bench.passed_on) == (["a"], [])


@pytest.mark.parametrize("error", [OSError("full"), asyncio.CancelledError()])
async def test_nothing_is_lost_when_it_cannot_be_passed_on(error: BaseException) -> None:
    bench = Bench()
    await bench.put(as_failed="a", as_now="b")
    bench.error = error
    with pytest.raises(type(error)):
        await bench.read()
    bench.error = None
    assert (await bench.read(), bench.passed_on) == (["b"], ["a"])
